"""Makes the calls that segment-python.test.mjs asserts: some compressed, some not. Arguments: write key, host."""

import sys

from segment.analytics import Client

key, host = sys.argv[1:]
failed = []
for gzip in (True, False):
    client = Client(key, host=host, gzip=gzip, on_error=lambda error, items: failed.append(error))
    client.track("acct_1", "image.generate", {"model": "xl"}, anonymous_id="anon-1")
    if gzip:
        client.identify("acct_1", {"email": "jane@example.com"}, anonymous_id="anon-1")
        client.alias("anon-2", "acct_2")
        client.page("acct_1", "app", "Home", {"path": "/home"})
        client.screen("acct_1", "app", "Board")
        client.group("acct_1", "studio")
    else:
        for number in range(20):
            client.track("acct_3", "chat.send", {"number": number})
    client.flush()
    client.join()
if failed:
    sys.exit(f"not delivered: {failed}")
