"""A service of a Heddle mesh, written in Python: it serves exchange.v1.ExchangeService over gRPC and joins the mesh by the public
contract of its registry. The gateway does the rest: the other protocols, REST, reflection, documentation, access."""

import asyncio
import logging
import os
import signal
import sys

import grpc

from rates import SERVICE_NAME, Exchange
from exchange.v1 import exchange_service_pb2, exchange_service_pb2_grpc
from registration import Offer, keep_registered

VERSION = "0.1.0"
# Seconds that running calls get to finish at the end.
DRAIN_MAX_S = 10


async def main() -> None:
    stop = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)

    server = grpc.aio.server()
    exchange_service_pb2_grpc.add_ExchangeServiceServicer_to_server(Exchange(), server)
    host = os.environ.get("HEDDLE_HOST") or "127.0.0.1"
    port = server.add_insecure_port(f"{host}:0")
    await server.start()

    offer = Offer(SERVICE_NAME, VERSION, f"{host}:{port}", exchange_service_pb2.DESCRIPTOR)
    gateway = (os.environ.get("HEDDLE_GATEWAY") or "http://127.0.0.1:8080").removeprefix("http://")
    # Left before the server stops, so that the gateway sends nothing more here that would have to be refused.
    await keep_registered(offer, gateway, stop)
    await server.stop(DRAIN_MAX_S)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(main())
