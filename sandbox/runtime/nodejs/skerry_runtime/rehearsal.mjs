// What standby.cjs loads and calls as if it were a function's.
export async function handle(event) { return event; }
