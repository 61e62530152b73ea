"""What currencies are worth, and exchange.v1.ExchangeService over that."""

import asyncio
import re

from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from common.v1 import money_pb2
from exchange.v1 import exchange_service_pb2 as messages
from exchange.v1 import exchange_service_pb2_grpc

# What the mesh calls this service, whatever language an instance of it is written in.
SERVICE_NAME = "exchange"
# Names this program in its rates.
SOURCE = "exchange-python"
# What one unit of a currency is worth in millionths of a dollar. Invented.
DOLLARS = {"USD": 1_000_000, "EUR": 1_100_000, "GBP": 1_250_000, "CHF": 1_200_000, "SEK": 95_000}
# Seconds between the changes of a watched rate.
WATCH_PERIOD_S = 0.1
# The bound of common.v1.Money, either way.
AMOUNT_MAX = 10**15


class Exchange(exchange_service_pb2_grpc.ExchangeServiceServicer):
    async def GetRate(self, request, context):
        return messages.GetRateResponse(rate=await rate(context, request.base_currency, request.quote_currency))

    async def ConvertMoney(self, request, context):
        if not request.HasField("amount"):
            await refuse(context, "amount", "is required")
        minor_units = request.amount.minor_units
        if abs(minor_units) > AMOUNT_MAX:
            await refuse(context, "amount.minor_units", "must lie within 10^15 either way")
        found = await rate(context, request.amount.currency_code, request.quote_currency)
        worth = (abs(minor_units) * found.micros + 500_000) // 1_000_000
        if worth > AMOUNT_MAX:
            await refuse(context, "amount.minor_units", "is worth more than 10^15 in the other currency")
        amount = money_pb2.Money(
            currency_code=request.quote_currency, minor_units=worth if minor_units >= 0 else -worth
        )
        return messages.ConvertMoneyResponse(amount=amount, rate=found)

    async def WatchRate(self, request, context):
        if not 0 <= request.changes_max <= 1000:
            await refuse(context, "changes_max", "must be 0 to 1000")
        sent = 0
        while True:
            found = await rate(context, request.base_currency, request.quote_currency)
            # It wavers by a millionth, so that there is a change to see.
            found.micros += sent % 2
            yield messages.WatchRateResponse(rate=found)
            sent += 1
            if sent == request.changes_max:
                return
            await asyncio.sleep(WATCH_PERIOD_S)


async def rate(context, base: str, quote: str) -> messages.Rate:
    for field, currency in (("base_currency", base), ("quote_currency", quote)):
        if re.fullmatch("[A-Z]{3}", currency) is None:
            await refuse(context, field, "must be three upper-case letters")
    if base not in DOLLARS or quote not in DOLLARS:
        # The reason travels in google.rpc.ErrorInfo, as that of every error of a mesh does.
        info = error_details_pb2.ErrorInfo(
            reason="RATE_UNKNOWN", domain="exchange.v1", metadata={"baseCurrency": base, "quoteCurrency": quote}
        )
        await fail(context, code_pb2.NOT_FOUND, f"There is no rate of {base} in {quote}.", info)
    now = Timestamp()
    now.GetCurrentTime()
    return messages.Rate(
        base_currency=base,
        quote_currency=quote,
        micros=DOLLARS[base] * 1_000_000 // DOLLARS[quote],
        quote_time=now,
        source=SOURCE,
    )


async def refuse(context, field: str, problem: str) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=problem)
    await fail(
        context,
        code_pb2.INVALID_ARGUMENT,
        f"The request is not valid: {field} {problem}.",
        error_details_pb2.ErrorInfo(reason="VALIDATION_FAILED", domain="exchange.v1"),
        error_details_pb2.BadRequest(field_violations=[violation]),
    )


async def fail(context, code: int, message: str, *details) -> None:
    status = status_pb2.Status(code=code, message=message)
    for detail in details:
        status.details.add().Pack(detail)
    await context.abort_with_status(rpc_status.to_status(status))
