// Makes the events that sentry-node.test.mjs asserts. Arguments: DSN, what to send (all, away, or one). A process of its own:
// the SDK watches every request that its process takes.
import { setTimeout as pause } from "node:timers/promises";
import * as Sentry from "@sentry/node";

const [dsn, what] = process.argv.slice(2);
Sentry.init({
  dsn,
  release: "studio@1.2.3",
  environment: "production",
  tracesSampleRate: 1,
  enableLogs: true,
  beforeSend: (event) => (event.message === "unwanted" ? null : event),
});
Sentry.setUser({ id: "acct_1", email: "jane@example.com", username: "Jane Doe", ip_address: "203.0.113.7" });
Sentry.setTag("feature", "gallery");

const all = () => {
  Sentry.addBreadcrumb({ category: "ui", message: "clicked", level: "info" });
  const id = Sentry.captureException(new TypeError("outer for jane@example.com", { cause: new RangeError("inner") }), {
    fingerprint: ["{{ default }}", "gallery"],
    extra: { attempt: 2 },
  });
  console.log(id);
  Sentry.captureMessage("hello there", "warning");
  Sentry.captureMessage("unwanted");
  Sentry.logger.info("a log line", { n: 7 });
  Sentry.logger.error(Sentry.logger.fmt`failed ${"x"} and ${3}`);
  Sentry.startSpan({ name: "GET /gallery", op: "http.server" }, () => Sentry.startSpan({ name: "select", op: "db" }, () => {}));
  Sentry.captureFeedback({ message: "it is broken", email: "jane@example.com", name: "Jane Doe", associatedEventId: id });
  Sentry.startSession();
  Sentry.captureSession();
  Sentry.endSession();
  Sentry.captureCheckIn({ monitorSlug: "nightly", status: "ok" });
};

/** The first meets a 503, the second is held back; the third goes out when the time to come back is over. */
const away = async () => {
  Sentry.captureMessage("lost in a 503");
  await Sentry.flush(5000);
  Sentry.captureMessage("held back");
  await Sentry.flush(5000);
  await pause(1500);
  Sentry.captureMessage("back");
};

const one = () => console.log(Sentry.captureException(new Error("answered with a lost 200")));

await { all, away, one }[what]();
await Sentry.flush(5000);
await Sentry.close(5000);
