"""Makes the events that posthog-python.test.mjs asserts. Arguments: key, host, capture mode."""

import sys

from posthog import Posthog

key, host, mode = sys.argv[1:]
account = f"acct_{mode}"
failed = []
client = Posthog(
    key, host=host, capture_mode=mode, flush_at=4, flush_interval=0.1, on_error=lambda error, items: failed.append(error)
)
client.capture("image.generate", distinct_id=account, properties={"model": "xl"})
client.alias(f"anon-{mode}", account)
client.alias("anonymous", account)
client.set(distinct_id=account, properties={"email": "jane@example.com"})
client.group_identify("studio", "s1")
client.capture("nobody")
try:
    1 / 0
except ZeroDivisionError as error:
    client.capture_exception(error, distinct_id=account)
for number in range(20):
    client.capture("chat.send", distinct_id=account, properties={"number": number})
client.shutdown()
if failed:
    sys.exit(f"not delivered: {failed}")
