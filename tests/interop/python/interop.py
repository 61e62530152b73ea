"""A gRPC peer in Python: client and server of interop.v1.InteropService.

    interop.py server DESCRIPTOR_SET
    interop.py call   DESCRIPTOR_SET ADDRESS
    interop.py loop   DESCRIPTOR_SET ADDRESS
"""

import json
import sys
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "interop.v1.InteropService"
MESSAGE_BYTES_MAX = 16 << 20
OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # A port that another server of ours still holds must be refused.
    ("grpc.so_reuseport", 0),
]
CODES = {code.value[0]: code for code in grpc.StatusCode}


class Contract:
    """The service's messages, from a descriptor set: no code is generated for it."""

    def __init__(self, path):
        files = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as file:
            files.ParseFromString(file.read())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        pool.Add(status_file())
        self.messages = {
            name: message_class(pool, name)
            for file in [*files.file, status_file()]
            for name in (f"{file.package}.{message.name}" for message in file.message_type)
        }
        self.status = self.messages["interop.rpc.Status"]

    def request(self, method, **fields):
        return self.messages[f"interop.v1.{method}Request"](**fields)

    def response(self, method, **fields):
        return self.messages[f"interop.v1.{method}Response"](**fields)

    def order(self, **fields):
        return self.messages["interop.v1.Order"](**fields)

    def failure(self, **fields):
        return self.messages["interop.v1.Failure"](**fields)


def status_file():
    """google.rpc.Status, which grpcio does not bring along."""
    file = descriptor_pb2.FileDescriptorProto(name="interop/status.proto", package="interop.rpc", syntax="proto3")
    file.dependency.append("google/protobuf/any.proto")
    message = file.message_type.add(name="Status")
    message.field.add(name="code", number=1, type=5, label=1)
    message.field.add(name="message", number=2, type=9, label=1)
    message.field.add(name="details", number=3, type=11, label=3, type_name=".google.protobuf.Any")
    return file


def message_class(pool, name):
    descriptor = pool.FindMessageTypeByName(name)
    # Its name changed with protobuf 4.22.
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


class Server:
    """Does what requests ask for."""

    def __init__(self, contract):
        self.contract = contract
        kinds = {
            "Say": grpc.unary_unary_rpc_method_handler,
            "Gather": grpc.stream_unary_rpc_method_handler,
            "Repeat": grpc.unary_stream_rpc_method_handler,
            "Converse": grpc.stream_stream_rpc_method_handler,
        }
        handlers = {
            name: kind(
                getattr(self, name.lower()),
                request_deserializer=contract.messages[f"interop.v1.{name}Request"].FromString,
                response_serializer=lambda reply: reply.SerializeToString(),
            )
            for name, kind in kinds.items()
        }
        self.handlers = grpc.method_handlers_generic_handler(SERVICE, handlers)

    def start(self, port):
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=OPTIONS)
        server.add_generic_rpc_handlers((self.handlers,))
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        if bound == 0:
            return None, 0
        server.start()
        return server, bound

    def say(self, request, context):
        echo_metadata(context)
        return self.contract.response("Say", payload=self.carry_out(request.order, context))

    def gather(self, requests, context):
        echo_metadata(context)
        payload = b"".join(self.carry_out(request.order, context) for request in requests)
        return self.contract.response("Gather", payload=payload)

    def repeat(self, request, context):
        echo_metadata(context)
        for _ in range(request.count):
            time.sleep(request.order.delay_ms / 1000)
            yield self.contract.response("Repeat", payload=payload_of(request.order))
        self.fail(request.order, context)

    def converse(self, requests, context):
        echo_metadata(context)
        for request in requests:
            yield self.contract.response("Converse", payload=self.carry_out(request.order, context))

    def carry_out(self, order, context):
        ended = threading.Event()
        if order.delay_ms > 0 and context.add_callback(ended.set):
            ended.wait(order.delay_ms / 1000)
        self.fail(order, context)
        return payload_of(order)

    def fail(self, order, context):
        if not order.HasField("failure"):
            return
        failure = order.failure
        status = self.contract.status(code=failure.code, message=failure.message)
        for detail in failure.details:
            status.details.add(type_url=detail.type_url, value=detail.value)
        trailers = (*context.trailing_metadata(), ("grpc-status-details-bin", status.SerializeToString()))
        context.set_trailing_metadata(trailers)
        context.abort(CODES[failure.code], failure.message)


def payload_of(order):
    return order.payload + bytes(order.padding_bytes)


def echo_metadata(context):
    received = context.invocation_metadata()
    context.send_initial_metadata([field for field in received if field[0] == "x-echo-header"])
    context.set_trailing_metadata([field for field in received if field[0] in ("x-echo-trailer", "x-echo-trailer-bin")])


def serve(contract):
    """Prints its port. A line on stdin makes it stop gracefully while another server takes over the port, and print
    `drained` then; the end of stdin ends it."""
    behaviour = Server(contract)
    server, port = behaviour.start(0)
    print(port, flush=True)
    for _ in sys.stdin:
        stopped = server.stop(10)
        server = None
        while server is None:
            time.sleep(0.005)
            try:
                server, _ = behaviour.start(port)
            except RuntimeError:
                # The port is not free yet.
                pass
        stopped.wait()
        print("drained", flush=True)
    server.stop(0)


class Client:
    """Calls and compares."""

    def __init__(self, contract, address):
        self.contract = contract
        self.address = address
        self.channel = grpc.insecure_channel(address, options=OPTIONS)

    def method(self, name, channel=None):
        channel = channel or self.channel
        kind = {"Say": "unary_unary", "Gather": "stream_unary", "Repeat": "unary_stream", "Converse": "stream_stream"}
        return getattr(channel, kind.get(name, "unary_unary"))(
            f"/{SERVICE}/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=self.contract.messages[f"interop.v1.{name}Response"].FromString,
        )

    def request(self, name, **order):
        return self.contract.request(name, order=self.contract.order(**order))

    def unary(self):
        for payload in (b"", b"heddle"):
            same("payload", self.method("Say")(self.request("Say", payload=payload), timeout=10).payload, payload)

    def gather(self):
        requests = (self.request("Gather", payload=letter) for letter in (b"a", b"b", b"c"))
        same("gathered", self.method("Gather")(requests, timeout=10).payload, b"abc")

    def repeat(self):
        request = self.contract.request("Repeat", order=self.contract.order(payload=b"again"), count=50)
        same("replies", [reply.payload for reply in self.method("Repeat")(request, timeout=10)], [b"again"] * 50)

    def converse(self):
        words = [f"word {index}".encode() for index in range(20)]
        turn = threading.Semaphore(1)

        def requests():
            for word in words:
                turn.acquire()
                yield self.request("Converse", payload=word)

        answers = []
        for reply in self.method("Converse")(requests(), timeout=10):
            answers.append(reply.payload)
            turn.release()
        same("answers", answers, words)

    def metadata(self):
        binary = bytes([0, 1, 0xFE, 0xFF, 10])
        sent = (("x-echo-header", "h e a d"), ("x-echo-trailer", "one"), ("x-echo-trailer-bin", binary))
        _, call = self.method("Say").with_call(self.request("Say"), metadata=sent, timeout=10)
        same("header", dict(call.initial_metadata()).get("x-echo-header"), "h e a d")
        self.same_trailers(call.trailing_metadata(), binary)
        failure = self.contract.failure(code=9, message="no")
        error = fails(lambda: self.method("Say")(self.request("Say", failure=failure), metadata=sent, timeout=10))
        self.same_trailers(error.trailing_metadata(), binary)

    def same_trailers(self, trailers, binary):
        same("trailer", dict(trailers).get("x-echo-trailer"), "one")
        same("binary trailer", dict(trailers).get("x-echo-trailer-bin"), binary)

    def failing(self):
        failure = self.contract.failure(code=9, message="100 % of 5 € – 漢字")
        failure.details.add(type_url="type.googleapis.com/interop.v1.SayRequest", value=b"\n\0")
        failure.details.add(type_url="type.googleapis.com/unknown.Type", value=b"\xff" * 3000)
        error = fails(lambda: self.method("Say")(self.request("Say", failure=failure), timeout=10))
        same("status", (error.code(), error.details()), (grpc.StatusCode.FAILED_PRECONDITION, failure.message))
        status = self.contract.status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        same("details", [each.value for each in status.details], [each.value for each in failure.details])

    def deadline(self):
        error = fails(lambda: self.method("Say")(self.request("Say", delay_ms=60_000), timeout=0.1))
        same("code", error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def cancellation(self):
        done = threading.Event()

        def requests():
            yield self.request("Converse")
            done.wait(10)

        replies = self.method("Converse")(requests(), timeout=10)
        next(replies)
        replies.cancel()
        error = fails(lambda: next(replies))
        done.set()
        same("code", error.code(), grpc.StatusCode.CANCELLED)

    def large(self):
        payload = b"heddle" * (1 << 20)
        reply = self.method("Say")(self.request("Say", payload=payload, padding_bytes=1), timeout=10)
        same("bytes", len(reply.payload), len(payload) + 1)

    def gzip(self):
        payload = b"heddle" * 100_000
        options = [*OPTIONS, ("grpc.default_compression_algorithm", grpc.Compression.Gzip.value)]
        with grpc.insecure_channel(self.address, options=options, compression=grpc.Compression.Gzip) as channel:
            reply = self.method("Say", channel)(self.request("Say", payload=payload), timeout=10)
        same("bytes", len(reply.payload), len(payload))

    def missing(self):
        error = fails(lambda: self.method("Missing")(self.contract.request("Missing"), timeout=10))
        same("code", error.code(), grpc.StatusCode.UNIMPLEMENTED)

    def many(self):
        say = self.method("Say")
        requests = [self.request("Say", payload=str(index).encode(), delay_ms=index % 5) for index in range(500)]
        calls = [say.future(request, timeout=10) for request in requests]
        same("payloads", [call.result().payload for call in calls], [request.order.payload for request in requests])

    def scenarios(self):
        return {
            "unary": self.unary,
            "client streaming": self.gather,
            "server streaming": self.repeat,
            "bidirectional streaming": self.converse,
            "metadata": self.metadata,
            "error with details": self.failing,
            "deadline": self.deadline,
            "cancellation": self.cancellation,
            "large messages": self.large,
            "gzip": self.gzip,
            "unknown method": self.missing,
            "many calls at once": self.many,
        }

    def call(self):
        """Runs every scenario and prints its outcome."""
        for name, run in self.scenarios().items():
            wrong = ""
            try:
                run()
            except Exception as error:  # Whatever it was, it is what was wrong.
                wrong = repr(error)
            print(json.dumps({"scenario": name, "wrong": wrong}), flush=True)

    def loop(self):
        """Calls without a pause from several threads until a line comes on stdin; none of the calls may fail. Prints
        `running` once the first has succeeded."""
        say = self.method("Say")
        say(self.request("Say"), timeout=10)
        print("running", flush=True)
        stop = threading.Event()
        result = {"scenario": "loop", "wrong": "", "calls": 0}
        lock = threading.Lock()

        def work():
            while not stop.is_set():
                wrong = ""
                try:
                    say(self.request("Say", payload=b"heddle", delay_ms=2), wait_for_ready=True, timeout=10)
                except grpc.RpcError as error:
                    wrong = repr(error)
                with lock:
                    result["calls"] += 1
                    result["wrong"] = result["wrong"] or wrong

        workers = [threading.Thread(target=work) for _ in range(8)]
        for worker in workers:
            worker.start()
        sys.stdin.readline()
        stop.set()
        for worker in workers:
            worker.join()
        print(json.dumps(result), flush=True)


def same(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: got {str(got)[:300]}, wanted {str(wanted)[:300]}")


def fails(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def main(mode, descriptor_set, address=""):
    contract = Contract(descriptor_set)
    if mode == "server":
        serve(contract)
    elif mode == "call":
        Client(contract, address).call()
    elif mode == "loop":
        Client(contract, address).loop()
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
