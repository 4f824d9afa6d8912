"""The project and the export that the tests of deploy/ have."""

from tests.deploy.conftest import exported, project

__all__ = ["exported", "project"]
