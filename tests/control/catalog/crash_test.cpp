// The catalog's process is killed at any moment: what it had been told is done is there, and
// nothing is half there.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "tests/control/catalog/catalog_rig.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;

constexpr int kNames = 20;

// Change n puts two functions with the same version and takes one away, with a tombstone: all of it
// belongs together.
Status change(Draft& draft, int n) {
    const auto name = [](int k) { return "f" + std::to_string(k % kNames); };
    for (const int k : {n, n + 1}) {
        draft.unbury(name(k), {"north"});
        if (Status put = draft.put(make(name(k), n)); !put) return put;
    }
    if (draft.find(name(n + 2)) == nullptr) return ok();
    if (Status erased = draft.erase(name(n + 2)); !erased) return erased;
    return draft.bury(name(n + 2), {"north"});
}

Status change(Catalog& catalog, int n) {
    Draft draft = catalog.draft();
    if (Status changed = change(draft, n); !changed) return changed;
    if (Status written = catalog.write(draft); !written) return written;
    catalog.take(draft);
    return ok();
}

// Writes the number of each change that is done to the pipe, until it is killed.
[[noreturn]] void change_for_ever(const std::string& state, int from, int to) {
    auto catalog = Catalog::open(state);
    if (!catalog) _exit(1);
    for (int n = from;; ++n)
        if (!change(*catalog, n) || write(to, &n, sizeof n) != sizeof n) _exit(1);
}

// No more of them than these matter for what is there after change n.
void expect_as_after(const Catalog& found, int n) {
    State state;
    for (int k = std::max(0, n - 3 * kNames); k <= n; ++k) {
        Draft draft(state);
        ASSERT_TRUE(change(draft, k));
        state.take(draft);
    }
    EXPECT_EQ(found.functions(), state.functions) << n;
    EXPECT_EQ(found.tombstones(), state.tombstones) << n;
}

TEST_F(CatalogTest, AKillLosesNothingThatWasDone) {
    const std::uint64_t first_epoch = open().epoch();
    std::mt19937 random(7);
    int next = 0, changes = 0;
    for (int round = 0; round < 60; ++round) {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) change_for_ever(state_, next, ends[1]);
        close(ends[1]);
        usleep(random() % 60000);
        kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "it was refused something";
        int done = next - 1, n = 0;
        while (read(ends[0], &n, sizeof n) == sizeof n) done = n;
        close(ends[0]);
        const Catalog catalog = open();
        // The last one may have been made without the word of it.
        const int last = static_cast<int>(catalog.epoch() - first_epoch) - 1;
        ASSERT_GE(last, done);
        ASSERT_LE(last, done + 1);
        if (last >= 0) expect_as_after(catalog, last);
        if (HasFatalFailure() || HasNonfatalFailure()) return;
        changes += last + 1 - next;
        next = last + 1;
    }
    RecordProperty("changes", changes);
    EXPECT_GT(changes, 0);
}

TEST_F(CatalogTest, AKillWhileTheOldFileIsTakenOver) {
    State state;
    state.epoch = 9;
    for (int n = 0; n < 400; ++n) ASSERT_TRUE(state.add(make("f" + std::to_string(n), n)));
    const std::string json = catalog_json(state);
    std::mt19937 random(7);
    int interrupted = 0;
    for (int round = 0; round < 40; ++round) {
        fs::remove_all(state_);
        fs::create_directory(state_);
        put_text(json_, json);
        for (int attempt = 0; attempt < 3; ++attempt) {
            const pid_t child = fork();
            ASSERT_GE(child, 0);
            if (child == 0) _exit(Catalog::open(state_) ? 0 : 1);
            usleep(random() % 40000);
            kill(child, SIGKILL);
            int status = 0;
            ASSERT_EQ(waitpid(child, &status, 0), child);
            ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
            interrupted += WIFSIGNALED(status);
        }
        const Catalog catalog = open();
        ASSERT_EQ(catalog.functions(), state.functions);
        EXPECT_EQ(catalog.epoch(), 9u);
        EXPECT_FALSE(fs::exists(json_));
        EXPECT_EQ(text(json_ + ".imported"), json);
    }
    EXPECT_GT(interrupted, 0);
}

}  // namespace
}  // namespace skerry::catalog
