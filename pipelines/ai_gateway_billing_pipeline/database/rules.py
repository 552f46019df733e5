"""Macros of schema `spend`: each thing that several views rely on, said once.

DuckDB divides a DECIMAL(38) bit by bit, which takes twenty times as long as a product or a difference. `round` divides,
and so does a cast to fewer digits or to floating point; the mean of a list does not. So an exact amount is rounded by
trying what is nearest in floating point, and divided only where that is not near enough.

DuckDB makes a join of each name in an `in`, and of `list_position` none.
"""

WITHOUT_DECIMALS = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
]  # fmt: skip
WITH_THREE_DECIMALS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
UNITS_OF_ACCOUNT = ["CLF", "UYW"]
"""The currencies of ISO 4217 that do not have two decimals. These last have four."""

RULES = {
    "late_seconds()": ("35 * 86400", "Late events may come for 35 days: after that a closed period does not change."),
    "gone_seconds()": ("35 * 86400", "An account that is listed no more for this long, while others are, is gone."),
    "major(currency)": (
        (
            f"case when list_position({WITHOUT_DECIMALS}, currency) > 0 then 1 "
            f"when list_position({WITH_THREE_DECIMALS}, currency) > 0 then 0.001 "
            f"when list_position({UNITS_OF_ACCOUNT}, currency) > 0 then 0.0001 else 0.01 end::decimal(5, 4)"
        ),
        (
            "What a minor unit of the currency is worth in major ones; a code that is not listed counts as having two "
            "decimals, as nearly all have."
        ),
    ),
    "limit_period(duration)": (
        (
            "case lower(duration) when 'daily' then 'day' when 'weekly' then 'week' when 'monthly' then 'month' "
            "else duration end"
        ),
        "The period of a spending limit as the views name it.",
    ),
    "nearly(exact)": (
        "try_cast(round(5e9 * list_avg([exact])) as bigint) * 0.0000000002::decimal(10, 10)",
        (
            "An amount near the exact one, of 10 digits with an even last one, by floating point: for spend.amount, "
            "which checks it. NULL beyond a thousand million."
        ),
    ),
    "amount(exact)": (
        (
            "case when abs(exact - spend.nearly(exact)) <= 0.00000000005 then spend.nearly(exact) "
            "when abs(exact - spend.nearly(exact)) < 0.00000000015 then spend.nearly(exact) "
            "+ case when exact > spend.nearly(exact) then 0.0000000001 else -0.0000000001 end "
            "when abs(exact - round(exact, 10)) = 0.00000000005 then 2 * round(exact * 0.5, 10) "
            "else round(exact, 10) end::decimal(38, 10)"
        ),
        (
            "An exact amount as every view has it: DECIMAL(38,10), half to even. What a raw table says is rounded "
            "once, row by row; views only add up and subtract then, so hours make days and days months to the digit."
        ),
    ),
    "estimate(number)": (
        "number::decimal(20, 4)::decimal(38, 10)",
        "A calculated amount: 4 digits, in the type of all.",
    ),
    "credit_bought(paid)": ("spend.estimate(paid / 1.05)", "The credit that a payment buys: a fee of 5 % is on top."),
    "with_fee(credit)": ("spend.estimate(credit * 1.05)", "What that much credit costs, the fee of 5 % included."),
}
"""By name and arguments: the expression, and what it means."""
