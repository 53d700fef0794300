"""An old name keeps working, warns with the new one, and the warning points at the caller."""

import inspect
import warnings

import pytest

from pyalign._deprecated import renamed


def fit(penalty=1.0, l2=None):
    """A function whose argument `l2` has become `penalty`."""
    if l2 is not None:
        penalty = renamed("l2", "penalty", l2, since="0.2")
    return penalty


def test_the_value_of_the_old_name_is_used_and_the_warning_names_the_new_one():
    with pytest.warns(DeprecationWarning, match="^l2 is deprecated since 0.2: use penalty$"):
        assert fit(l2=3.0) == 3.0


def test_the_warning_points_at_the_line_that_used_the_old_name():
    with pytest.warns(DeprecationWarning) as caught:
        line = inspect.currentframe().f_lineno + 1
        fit(l2=3.0)
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_the_new_name_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(penalty=2.0) == 2.0
