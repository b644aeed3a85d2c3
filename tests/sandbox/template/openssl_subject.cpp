// A function that has used OpenSSL's random numbers before it is copied. It says that it has
// another process's id than it has, as in a jail: all are number 1 there.
#include <openssl/rand.h>
#include <unistd.h>

#include <cstdio>

#include "sandbox/template/layout.hpp"
#include "sandbox/template/snapshot.h"

// OpenSSL's check for a fork asks this.
extern "C" pid_t getpid() noexcept {
    return 1;
}

int main() {
    unsigned char bytes[32];
    if (RAND_bytes(bytes, 16) != 1 || RAND_priv_bytes(bytes + 16, 16) != 1) return 2;
    const int result = skerry_snapshot(skerry::snapshot::kSnapshotFd);
    if (result != 1) return result == 0 ? 0 : skerry::snapshot::kRefusedExit - result;
    if (RAND_bytes(bytes, 16) != 1 || RAND_priv_bytes(bytes + 16, 16) != 1) return 3;
    for (const unsigned char byte : bytes) std::printf("%02x", byte);
    std::printf("\n");
    return 0;
}
