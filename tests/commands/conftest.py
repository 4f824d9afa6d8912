"""The small model of tests/deploy, for the commands too."""

from tests.deploy.conftest import project  # noqa: F401
