"""Keeps an instance entered with a mesh's registry: the stream of Register is the lease."""

import asyncio
import base64
import hashlib
import hmac
import logging
import os
import secrets
import time
from dataclasses import dataclass

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.timestamp_pb2 import Timestamp

from heddle.registry.v1 import instance_pb2, registry_service_pb2, registry_service_pb2_grpc

RETRY_MIN_S = 0.05
RETRY_MAX_S = 2.0
# A contract that was refused stays refused until an operator allows it.
REFUSED_RETRY_MAX_S = 30.0
# Seconds that a leave waits for the registry's word.
LEAVE_MAX_S = 1.0
# Seconds that what is shown of an identity is good for.
IDENTITY_LIFE_S = 300

INSTANCE_ID = f"ins_{secrets.token_hex(12)}"
START_TIME = Timestamp()
START_TIME.GetCurrentTime()


@dataclass(frozen=True)
class Offer:
    service_name: str
    version: str
    # host:port
    address: str
    # Holds the services that are served.
    file: FileDescriptor


async def keep_registered(offer: Offer, gateway: str, stop: asyncio.Event) -> None:
    """Registers, and registers again whenever the gateway was away, until `stop` is set; then leaves."""
    contract = contract_of(offer.file)
    delay_s = RETRY_MIN_S
    async with grpc.aio.insecure_channel(gateway) as channel:
        registry = registry_service_pb2_grpc.RegistryServiceStub(channel)
        while not stop.is_set():
            lease = Lease(offer, contract, stop)
            try:
                await lease.hold(registry)
                reason = "the registry ended the stream"
                longest_s = RETRY_MAX_S
            except grpc.aio.AioRpcError as error:
                reason = error.details()
                refused = error.code() == grpc.StatusCode.FAILED_PRECONDITION
                longest_s = REFUSED_RETRY_MAX_S if refused else RETRY_MAX_S
            if stop.is_set():
                return
            delay_s = RETRY_MIN_S if lease.admitted else min(delay_s, longest_s)
            logging.info("not registered: %s; again in %.2f s", reason, delay_s)
            try:
                await asyncio.wait_for(stop.wait(), delay_s)
            except TimeoutError:
                delay_s *= 2


class Lease:
    """One conversation with the registry, from the instance's first word to the end of the stream."""

    def __init__(self, offer: Offer, contract: instance_pb2.Contract, stop: asyncio.Event) -> None:
        self.admitted = False
        self._offer = offer
        self._contract = contract
        self._stop = stop
        self._heartbeat_s = 5.0

    async def hold(self, registry: registry_service_pb2_grpc.RegistryServiceStub) -> None:
        call = registry.Register(metadata=identity(self._offer.service_name))
        talking = asyncio.create_task(self._talk(call))
        try:
            await call.write(request(instance=self._instance()))
            async for response in call:
                await self._hear(response, call)
        except asyncio.InvalidStateError:
            # The registry ended the stream while we wrote: what follows says why.
            pass
        finally:
            talking.cancel()
        code = await call.code()
        if code != grpc.StatusCode.OK:
            raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=await call.details())

    async def _talk(self, call) -> None:
        """Sends heartbeats, and ends our half of the stream when the instance is to leave."""
        while True:
            try:
                await asyncio.wait_for(self._stop.wait(), self._heartbeat_s)
            except TimeoutError:
                await call.write(request(heartbeat=heartbeat()))
                continue
            # The registry ends its half when nothing is routed here any more.
            await call.done_writing()
            await asyncio.sleep(LEAVE_MAX_S)
            call.cancel()
            return

    async def _hear(self, response: registry_service_pb2.RegisterResponse, call) -> None:
        kind = response.WhichOneof("body")
        if kind == "registered":
            self._heartbeat_s = response.registered.heartbeat_interval.ToTimedelta().total_seconds() or 5.0
        elif kind == "contracts_needed":
            for _ in response.contracts_needed.contract_hashes:
                await call.write(request(contract=self._contract))
        elif kind == "admitted":
            self.admitted = True
            logging.info("registered: %s", ", ".join(response.admitted.packages))
        elif kind == "refused":
            for violation in response.refused.violations:
                logging.error(
                    "the registry refuses this contract: %s %s: %s", violation.rule, violation.element, violation.message
                )

    def _instance(self) -> instance_pb2.Instance:
        offer = self._offer
        package = instance_pb2.PackageOffer(
            name=offer.file.package,
            services=[service.full_name for service in offer.file.services_by_name.values()],
            contract_hash=self._contract.contract_hash,
        )
        return instance_pb2.Instance(
            instance_id=INSTANCE_ID,
            service_name=offer.service_name,
            version=offer.version,
            address=offer.address,
            packages=[package],
            process_id=os.getpid(),
            start_time=START_TIME,
            state=instance_pb2.SERVING_STATE_SERVING,
        )


def identity(service_name: str) -> list[tuple[str, str]]:
    """What proves who this service is, in a mesh that enforces access (docs/concepts/identity.md)."""
    file = os.environ.get("HEDDLE_IDENTITY_KEY_FILE")
    if not file:
        return []
    with open(file, "rb") as opened:
        key = opened.read().strip()
    said = f"h1.{service_name}.{INSTANCE_ID}.{int(time.time()) + IDENTITY_LIFE_S}"
    mac = base64.urlsafe_b64encode(hmac.digest(key, said.encode(), "sha256")).decode().rstrip("=")
    return [("heddle-identity", f"{said}.{mac}")]


def request(**body) -> registry_service_pb2.RegisterRequest:
    return registry_service_pb2.RegisterRequest(**body)


def heartbeat() -> registry_service_pb2.Heartbeat:
    return registry_service_pb2.Heartbeat(state=instance_pb2.SERVING_STATE_SERVING)


def contract_of(file: FileDescriptor) -> instance_pb2.Contract:
    """A file and all that it imports, each after what it needs, named by the hash of its bytes."""
    descriptor_set = FileDescriptorSet()
    seen: set[str] = set()

    def add(each: FileDescriptor) -> None:
        if each.name in seen:
            return
        seen.add(each.name)
        for dependency in each.dependencies:
            add(dependency)
        descriptor_set.file.add().ParseFromString(each.serialized_pb)

    add(file)
    data = descriptor_set.SerializeToString(deterministic=True)
    return instance_pb2.Contract(contract_hash=hashlib.sha256(data).hexdigest(), file_descriptor_set=data)
