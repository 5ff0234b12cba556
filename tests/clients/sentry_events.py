"""Makes the events that sentry-python.test.mjs asserts. Arguments: DSN, what to send (all, or away)."""

import logging
import sys

import sentry_sdk

dsn, what = sys.argv[1:]
sentry_sdk.init(dsn=dsn, release="studio@1.2.3", environment="production", traces_sample_rate=1.0, enable_logs=True)
sentry_sdk.set_user({"id": "acct_1", "email": "jane@example.com", "username": "Jane Doe"})
sentry_sdk.set_tag("feature", "gallery")


def everything():
    sentry_sdk.add_breadcrumb(category="ui", message="clicked")
    try:
        try:
            {}["x"]
        except KeyError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        print(sentry_sdk.capture_exception(error))
    sentry_sdk.capture_message("hello", level="warning")
    logging.getLogger("app").error("logged %s", "x")
    sentry_sdk.logger.info("a log line {n}", n=7)
    with sentry_sdk.start_transaction(op="task", name="render"):
        with sentry_sdk.start_span(op="db", name="select"):
            pass
    scope = sentry_sdk.get_isolation_scope()
    scope.start_session(session_mode="application")
    scope.end_session()
    for _ in range(3):
        scope.start_session(session_mode="request")
        scope.end_session()


def away():
    sentry_sdk.capture_message("lost in a 503")
    sentry_sdk.flush(5)
    sentry_sdk.capture_message("next")


everything() if what == "all" else away()
sentry_sdk.flush(5)
