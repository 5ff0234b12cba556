// Fails in files that were built, and says the id under which it is reported. Arguments: DSN, the gallery's file, the frame's.
import * as Sentry from "@sentry/node";

const [dsn, gallery, frame] = process.argv.slice(2);
Sentry.init({ dsn, release: "studio@1.2.3", environment: "production" });
Sentry.setUser({ id: "acct_1" });

const { drawPicture } = await import(gallery);
const { withFrame } = await import(frame);

try {
  withFrame(function paint() {
    return drawPicture({ left: 1 });
  });
} catch (error) {
  console.log(Sentry.captureException(error));
}
await Sentry.close(5000);
