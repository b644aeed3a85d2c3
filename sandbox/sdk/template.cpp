#include "sandbox/sdk/template.hpp"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/template/layout.hpp"
#include "sandbox/template/snapshot.h"

namespace skerry::sdk {
namespace {

void say(const char* text) {
    // The exit code says the same, should nobody read the log.
    (void)!::write(STDERR_FILENO, text, ::strlen(text));
}

}  // namespace

void snapshot_if_template() {
    const char* value = ::getenv(snapshot::kSnapshotVariable);
    if (value == nullptr) return;
    const int memfd = ::atoi(value);
    // Neither for copies nor for programs that they start.
    ::unsetenv(snapshot::kSnapshotVariable);
    const int result = skerry_snapshot(memfd);
    if (result == 1) return;
    if (result == 0) ::_exit(0);
    say("skerry: this function can't be a template: ");
    say(skerry_snapshot_text(result));
    say("\n");
    ::_exit(snapshot::kRefusedExit - result);
}

}  // namespace skerry::sdk
