"""What workers tell of endpoints gets to the supervisor as it was told."""

import pickle

from orion_gateway.discovery.news import AttemptTold


def test_news_is_shipped_between_processes() -> None:
    """A failure that got lost on the way would keep a broken endpoint in."""
    news = AttemptTold("users", 3, succeeded=False)
    assert pickle.loads(pickle.dumps(news)) == news
