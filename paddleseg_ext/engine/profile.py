"""``--profiler_options``: PaddleSeg's option string, run by the profiler that current Paddle has."""

from paddle import profiler
from paddleseg.utils import logger
from paddleseg.utils.train_profiler import ProfilerOptions

from paddleseg_ext.errors import UserError

_TARGETS = {
    "CPU": [profiler.ProfilerTarget.CPU],
    "GPU": [profiler.ProfilerTarget.GPU],
    "All": [profiler.ProfilerTarget.CPU, profiler.ProfilerTarget.GPU],
}
_SORTS = {
    "total": profiler.SortedKeys.CPUTotal,
    "ave": profiler.SortedKeys.CPUAvg,
    "max": profiler.SortedKeys.CPUMax,
    "min": profiler.SortedKeys.CPUMin,
}


class StepProfiler:
    """Profiles a range of training steps.

    Args:
        options: e.g. ``"batch_range=[10,20];state=CPU;sorted_key=total;profile_path=/tmp/profile"``. PaddleSeg's
            ``paddle.utils.profiler`` is gone since Paddle 2.6, and ``tracer_option`` with it; that key is ignored.

    Raises:
        UserError: ``options`` is not made of key=value, or has an unknown word.
    """

    def __init__(self, options: str) -> None:
        try:
            self.options = ProfilerOptions(options)
        except ValueError as error:
            raise UserError(
                f"--profiler_options {options!r}: write key=value;key=value, e.g. 'batch_range=[10,20];state=CPU'."
            ) from error
        state, sort = self.options["state"], self.options["sorted_key"]
        if state not in _TARGETS or sort not in _SORTS:
            raise UserError(
                f"--profiler_options: state is one of {', '.join(_TARGETS)} and sorted_key one of {', '.join(_SORTS)}, "
                f"not {state!r} and {sort!r}."
            )
        self.first, self.last = self.options["batch_range"][:2]
        self.step = 0
        # Only what this Paddle can watch: a CPU build has no GPU target.
        usable = [target for target in _TARGETS[state] if target in profiler.profiler._get_supported_targets()]
        self.profiler = profiler.Profiler(
            targets=usable,
            scheduler=(self.first, self.last),
            on_trace_ready=profiler.export_chrome_tracing(self.options["profile_path"]),
        )
        self.profiler.start()

    def after_step(self) -> bool:
        """Count a step; returns True when the range is done and ``exit_on_finished`` ends the training there."""
        self.step += 1
        if self.step < self.last:
            self.profiler.step()
        if self.step != self.last:
            return False
        self.profiler.stop()
        self.profiler.summary(sorted_by=_SORTS[self.options["sorted_key"]])
        logger.info(f"The profile of steps {self.first} to {self.last} is in {self.options['profile_path']}.")
        return bool(self.options["exit_on_finished"])
