"""What the routes under `/api/v1/strategies` are sent and answer."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from strikewire.analytics.strategies.templates import LegKind, Outlook
from strikewire.api import schemas
from strikewire.api.instants import Day, Instant
from strikewire.api.v1.cost_bodies import ChargesBody, Money, StrategyMarginBody
from strikewire.api.v1.fo.bodies import ReasonName
from strikewire.api.v1.fo.queries import UnderlyingName
from strikewire.core.instruments import InstrumentKind
from strikewire.engine.chains.table import ChainSource
from strikewire.live.strategy_analysis import DEFAULT_DAYS, GridWish
from strikewire.live.strategy_legs import LegWish, to_price

#: Of one strategy.
MAX_LEGS: Final = 20
#: Of a scenario grid: twice what is drawn by default.
MAX_CELLS: Final = 20_000

Level = Annotated[float, Field(ge=0, le=1e9)]
AsOf = Annotated[
    Instant | None,
    Field(description="As it was then; RFC 3339 or a day. By default now, by the market's clock."),
]


class LegInput(schemas.Body):
    """A leg somebody holds, or thinks of."""

    symbol: str = Field(
        min_length=1,
        max_length=64,
        description="An option, a future or the spot, by any of its names.",
        examples=["NFO:BANKNIFTY23JAN43000CE"],
    )
    quantity: int = Field(
        ge=-10_000_000,
        le=10_000_000,
        description="Units, a multiple of the lot, not 0; less than 0 is sold.",
        examples=[-25],
    )
    entry_price: float | None = Field(
        default=None,
        ge=0,
        le=1e9,
        description="What a unit was bought or sold for, rupees; by default what it costs.",
    )

    @model_validator(mode="after")
    def _check_quantity(self) -> LegInput:
        if not self.quantity:
            msg = "a quantity other than 0 was wanted"
            raise ValueError(msg)
        return self

    def to_wish(self) -> LegWish:
        """Return the leg as the market prices it."""
        entry = None if self.entry_price is None else to_price(self.entry_price)
        return LegWish(self.symbol, self.quantity, entry)


class CurveInput(schemas.Body):
    """Over which levels of the underlying, and for which instants."""

    low: Level | None = Field(default=None, description="By default what shows all of it.")
    high: Level | None = None
    points: int = Field(
        default=201, ge=2, le=1_001, description="At even distances; strikes come on top."
    )
    dates: list[Instant] = Field(
        default_factory=list,
        max_length=8,
        description="Besides now and the horizon, which are always drawn.",
    )


class GridInput(schemas.Body):
    """The axes of a scenario grid."""

    moves_pct: list[Annotated[float, Field(ge=-100, le=1_000)]] = Field(
        default_factory=lambda: [each / 2 for each in range(-20, 21)],
        min_length=1,
        max_length=201,
        description="Of the level, per cent; by default -10 to 10 in 41 steps.",
    )
    vol_shifts: list[Annotated[float, Field(ge=-5, le=5)]] = Field(
        default_factory=lambda: [each / 100 for each in range(-10, 11)],
        min_length=1,
        max_length=101,
        description="Added to each volatility, fractions; by default -0.10 to 0.10 in 21 steps.",
    )
    days: list[Annotated[float, Field(ge=0, le=4_000)]] | None = Field(
        default=None,
        min_length=1,
        max_length=101,
        description="Calendar days from now; by default eleven steps from now to the horizon.",
    )

    @property
    def cells(self) -> int:
        """How many scenarios there are."""
        days = DEFAULT_DAYS if self.days is None else len(self.days)
        return len(self.moves_pct) * len(self.vol_shifts) * days

    def to_wish(self) -> GridWish:
        """Return it as the analysis takes it."""
        return GridWish(
            moves_pct=tuple(self.moves_pct),
            vol_shifts=tuple(self.vol_shifts),
            days=None if self.days is None else tuple(self.days),
        )

    @model_validator(mode="after")
    def _check_cells(self) -> GridInput:
        if self.cells > MAX_CELLS:
            msg = f"at most {MAX_CELLS} cells were wanted, were {self.cells}"
            raise ValueError(msg)
        return self


LegInputs = Annotated[list[LegInput], Field(min_length=1, max_length=MAX_LEGS)]


class AnalysisInput(schemas.Body):
    """What is to be analysed."""

    legs: LegInputs
    against: LegInputs | None = Field(
        default=None, description="Another strategy on the same underlying, to compare with."
    )
    as_of: AsOf = None
    curve: CurveInput = Field(default_factory=CurveInput)
    grid: GridInput | None = Field(default=None, description="By default there is no grid.")


class TemplateInput(schemas.Body):
    """Out of which chain a template is built, and how far out its strikes are."""

    underlying: UnderlyingName
    expiry: Day | None = Field(
        default=None,
        description="By default the nearest that is not over; where all are, the last.",
    )
    far_expiry: Day | None = Field(
        default=None, description="Of a template with two expiries; by default the next one."
    )
    as_of: AsOf = None
    lots: int = Field(default=1, ge=1, le=10_000)
    delta: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="The first strike on either side of the money has the delta nearest to this.",
    )
    distance: int | None = Field(
        default=None,
        ge=1,
        le=500,
        description="It is so many strikes from the money; by default 2. Not with `delta`.",
    )
    width: int | None = Field(
        default=None,
        ge=1,
        le=500,
        description="Strikes from each one to the next farther out; by default `distance`, or 2.",
    )

    @model_validator(mode="after")
    def _check_spacing(self) -> TemplateInput:
        if self.delta is not None and self.distance is not None:
            msg = "either delta or distance was wanted, were both"
            raise ValueError(msg)
        return self


class TemplateLegBody(schemas.Body):
    """One leg of a template."""

    ratio: int = Field(description="Lots for each lot of the strategy; less than 0 is sold.")
    kind: LegKind
    rung: int = Field(
        description="Where its strike is: 0 at the money, 1 the first one above, -1 below."
    )
    is_far: bool = Field(description="Of the later expiry.")


class TemplateBody(schemas.Body):
    """A strategy by its name."""

    name: str = Field(examples=["iron-condor"])
    title: str
    outlook: Outlook
    expiry_count: int = Field(description="In how many expiries it has legs.")
    legs: list[TemplateLegBody]


class TemplatePage(schemas.Body):
    """Some of the templates, and how many there are."""

    items: list[TemplateBody]
    total: int
    limit: int
    offset: int


class LegBody(schemas.Body):
    """A leg with its price."""

    symbol: str
    kind: InstrumentKind
    expiry: str | None = Field(description="YYYY-MM-DD.")
    strike: float | None
    lot_size: int
    lots: int
    quantity: int = Field(description="Units; less than 0 is sold.")
    entry_price: float = Field(description="Rupees per unit.")
    mark: float | None = Field(description="What a unit costs now, rupees.")
    reason: ReasonName | None = Field(description="Why there is no `mark`.")
    iv: float | None = Field(description="Fraction it is measured at; null of what is no option.")
    iv_source: Literal["own", "twin", "smile"] | None = Field(
        description="Its own, that of the other option at its strike, or between other strikes."
    )


class GreeksBody(schemas.Body):
    """What it answers to, with respect to the forwards."""

    delta: float = Field(description="Units of the underlying.")
    gamma: float = Field(description="Units per rupee.")
    theta: float = Field(description="Rupees per calendar day.")
    vega: float = Field(description="Rupees per volatility point.")
    rho: float = Field(description="Rupees per percentage point.")


class MeasuredLegBody(LegBody):
    """A leg with its price and the Greeks of one unit."""

    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


class StretchBody(schemas.Body):
    """Levels from one to another."""

    low: float
    high: float | None = Field(description="Null: without an end.")


class LineBody(schemas.Body):
    """Profit and loss over the levels, at one instant."""

    at: str = Field(description="RFC 3339.")
    pnls: list[float] = Field(description="Rupees, one for each of `levels`.")


class GridBody(schemas.Body):
    """Profit and loss over spot, volatility and time."""

    levels: list[float]
    vol_shifts: list[float]
    days: list[float]
    pnls: list[list[list[float]]] = Field(description="Rupees, by level, volatility shift, day.")


class StrategyBody(schemas.Body):
    """What one strategy is, makes and risks."""

    legs: list[MeasuredLegBody]
    horizon: str | None = Field(description="When its first leg ends, RFC 3339; null: none does.")
    tau_years: float = Field(description="Until then.")
    net_premium: Money = Field(description="What its options cost; less than 0 is received.")
    pnl: Money | None = Field(description="Now, by the marks; null where one of them is unknown.")
    greeks: GreeksBody
    is_exact: bool = Field(
        description="All its options end at the horizon. Else what follows is searched for."
    )
    break_evens: list[float] = Field(description="Levels at which it makes 0 at the horizon.")
    flats: list[StretchBody] = Field(description="Stretches on which it makes 0 throughout.")
    gains: list[StretchBody] = Field(description="Stretches on which it makes more.")
    max_profit: Money | None
    max_profit_level: float | None
    max_profit_reason: Literal["unbounded"] | None
    max_loss: Money | None = Field(description="The least it makes: mostly less than 0.")
    max_loss_level: float | None
    max_loss_reason: Literal["unbounded"] | None
    probability_of_profit: float | None = Field(
        description="That it makes more than 0 at the horizon; 0 to 1."
    )
    probability_reason: Literal["no_volatility", "no_expiry"] | None
    probability_iv: float | None = Field(description="Fraction at the money it is measured at.")
    curve: list[LineBody]
    grid: GridBody | None
    margin: StrategyMarginBody | None = Field(
        description="An estimate, by the market rules of its day."
    )
    margin_reason: Literal["no_rule"] | None = Field(description="Why there is no `margin`.")
    charges: ChargesBody | None = Field(
        description="To open it: each leg one order at its entry price."
    )
    charges_reason: Literal["no_rule", "not_tradable"] | None


class DifferenceBody(schemas.Body):
    """`against` less `strategy`; null where either has none."""

    net_premium: Money
    pnl: Money | None
    max_profit: Money | None
    max_loss: Money | None
    probability_of_profit: float | None
    greeks: GreeksBody


class MarketBody(schemas.Body):
    """Of which market it is said."""

    underlying: str
    exchange: str
    as_of: str = Field(description="RFC 3339.")
    source: ChainSource | None = Field(description="Null without an option.")
    level: float = Field(description="The spot; where it is unknown the nearest forward.")
    spot_symbol: str | None = Field(description="Null where `level` is a forward.")


class AnalysisBody(MarketBody):
    """What was found out."""

    levels: list[float] = Field(description="Of every curve.")
    strategy: StrategyBody
    against: StrategyBody | None
    difference: DifferenceBody | None


class BuildBody(MarketBody):
    """A template's contracts. Its legs are what an analysis takes."""

    name: str
    title: str
    net_premium: Money
    legs: list[LegBody]
