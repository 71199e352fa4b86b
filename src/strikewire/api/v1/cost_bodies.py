"""What several routes tell of charges and of margin."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strikewire.api import schemas

Money = Annotated[str, Field(description="Rupees, a decimal string to the paisa.")]


class ChargesBody(schemas.Body):
    """What is charged, item by item."""

    brokerage: Money
    transaction_tax: Money = Field(description="STT, on commodities CTT.")
    exchange: Money
    investor_protection: Money
    sebi_fee: Money
    stamp_duty: Money
    gst: Money
    total: Money


class ScenarioMarginBody(schemas.Body):
    """What has to be there, and what it is made of."""

    scan: Money = Field(description="The most that is lost in a scenario.")
    calendar: Money = Field(description="For deltas held against those of another expiry.")
    short_option_minimum: Money
    net_option_value: Money = Field(description="Options held are worth, less those sold.")
    initial: Money = Field(description="Of these: scan and calendar, less the net option value.")
    exposure: Money = Field(description="Besides, of options sold and of futures.")
    expiry_day: Money = Field(description="The part of `exposure` for options on their last day.")
    cash: Money = Field(description="For shares.")


class MarginBody(ScenarioMarginBody):
    """What has to be there for orders."""

    premium: Money = Field(description="Paid for options; less than 0 is received.")
    total: Money = Field(description="`initial`, `exposure`, `premium` and `cash`.")


class StrategyMarginBody(ScenarioMarginBody):
    """What has to be there for a strategy, beside what its options cost."""

    total: Money = Field(description="`initial`, `exposure` and `cash`.")
