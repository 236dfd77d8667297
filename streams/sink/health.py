"""How a sink is, as its pages tell it."""

from dataclasses import dataclass


@dataclass
class Health:
    """What a sink knows of itself: whether ClickHouse answers, whether the tables are made, whether it is in the group."""

    clickhouse_answers: bool = False
    tables_are_made: bool = False
    is_member: bool = False

    def unready(self) -> list[str]:
        """Say in sentences why the sink is not ready; nothing where it is."""
        reasons = []
        if not self.clickhouse_answers:
            reasons.append("ClickHouse does not answer")
        if not self.tables_are_made:
            reasons.append("the tables are not made yet")
        if not self.is_member:
            reasons.append("the group has given no partitions to this sink yet")
        return reasons
