"""Statistics of anything: resampling, intervals, paired differences, splits, divergences."""
