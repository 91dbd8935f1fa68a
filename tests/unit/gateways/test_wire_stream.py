"""A connection at its deadline: the error says which operation came too late."""

from __future__ import annotations

from unittest.mock import Mock

import httpcore
import pytest

from webstore import deadline
from webstore.gateways.connections import Stream


def test_a_write_after_the_deadline_is_a_write_time_out() -> None:
    inner = Mock(spec=httpcore.NetworkStream)
    with deadline.within(0), pytest.raises(httpcore.WriteTimeout):
        Stream(inner).write(b"x")
    inner.write.assert_not_called()


def test_a_read_after_the_deadline_is_a_read_time_out() -> None:
    inner = Mock(spec=httpcore.NetworkStream)
    with deadline.within(0), pytest.raises(httpcore.ReadTimeout):
        Stream(inner).read(1)
    inner.read.assert_not_called()
