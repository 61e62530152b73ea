export { expectFailure, type Failure } from "./expect-failure.ts";
export { type FakeClock, fakeClock } from "./fake-clock.ts";
export { FakeStream, type Sent } from "./fake-stream.ts";
export { type FakeTime, fakeTime } from "./fake-time.ts";
export { startTestService, type TestService, type TestServiceOptions } from "./start-test-service.ts";
export { type WatchedStore, watchedStore } from "./watched-store.ts";
