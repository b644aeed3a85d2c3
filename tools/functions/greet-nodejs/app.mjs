// Answers {"name": TEXT} with {"greeting": TEXT, "by": "node …"}. Kind nodejs, handler app.greet.

// Slow initialisation belongs here: no request pays for it.
const by = `node ${process.version}`;

export async function greet(event, context) {
  if (typeof event?.name !== 'string') throw new TypeError('name is missing');
  // Not the name itself: a log is no place for what callers sent.
  console.log(`greeting ${event.name.length} letters, ${context.getRemainingTimeInMillis()} ms left`);
  return { greeting: `Hello, ${event.name}!`, by };
}
