// What was just done is told once: the address forgets it, so that neither a reload nor a bookmark tells it again.
const address = new URL(location.href);
for (const name of ["done", "issues", "was"]) address.searchParams.delete(name);
if (address.href !== location.href) history.replaceState(history.state, "", address);
