// Which requests have been begun, for all cores of a server: found by the request's key, claimed by
// exactly one core, and what came of it readable by every core. Lock-free; no function blocks,
// allocates or makes a system call. tests/model explores this very file.
//
//   bucket   one word: up to three entries, and a count of its changes. An entry is put in, or
//   taken
//            out, by one compare-and-swap of the whole word. So who puts one in knows that nobody
//            has put in the same key since it looked; and who has read an entry's key knows by the
//            same word that it was read whole. (The count has 16 bits: what it guards against is a
//            core that is stopped while one bucket changes 65,536 times, each time by an answer.)
//   entry    belongs to one core, its owner, from free to free. One word says all that others may
//            change or must know at once: generation, phase, who waits, who reads.
//
//   free ─claim()─► running ─publish()─► kept ─drop()─► gone ─retire()─► free
//                      │         └──────────────────────► gone
//                      └─withdraw(): nobody waits for it ─► free
//
// Ordering: publish() releases, pin() acquires, so an answer is read as it was written. unpin()
// releases and drop() and retire() acquire, so who writes over an answer does so after it was read.
#pragma once

#include <array>
#include <cstdint>

#include "sandbox/base/atomics.hpp"

namespace skerry::dedup {

// What makes two requests the same (key.hpp).
struct Key {
    std::uint64_t hi = 0, lo = 0;
    bool operator==(const Key&) const = default;
};

inline constexpr std::uint32_t kCoresMax = 16;
inline constexpr std::uint32_t kEntriesMax = 65'535;  // an entry's number and one fit 16 bits
inline constexpr std::uint32_t kNoEntry = ~0u;

enum class Phase : std::uint8_t { free, running, kept, gone };

// One use of one entry.
struct Ref {
    std::uint32_t entry = kNoEntry;
    std::uint32_t generation = 0;
};

struct Answer {
    const std::byte* bytes = nullptr;
    std::uint32_t count = 0;
};

struct alignas(64) Entry {
    Atomic<std::uint64_t> state{0};
    Atomic<std::uint64_t> hi{0}, lo{0};  // written while free, read by anybody
    Answer answer;                       // written by the owner while running; read while pinned
};

// Over memory of somebody else's: `entries` of them, numbered from 0; `buckets`, a power of two.
class TableView {
  public:
    static constexpr std::uint32_t kWays = 3;
    static constexpr std::uint32_t kTries = 64;

    enum class Found : std::uint8_t {
        fresh,    // the caller's entry runs
        running,  // somebody's does: wait()
        kept,     // pin()
        gone,     // executed, and the answer is not kept
        full,     // no place in its bucket, or too much was going on there
    };
    struct Claim {
        Found found = Found::full;
        Ref ref;
    };

    TableView(Entry* entries, Atomic<std::uint64_t>* buckets, std::uint32_t bucket_count)
        : entries_(entries), buckets_(buckets), mask_(bucket_count - 1) {}

    // `mine` is a free entry of the caller's; it stays free unless the key is found `fresh`.
    // `hash` is the same for the same key, and says nothing to strangers.
    Claim claim(std::uint32_t mine, const Key& key, std::uint64_t hash) {
        Entry& entry = entries_[mine];
        Atomic<std::uint64_t>& bucket = buckets_[hash & mask_];
        bool written = false;
        for (std::uint32_t i = 0; i < kTries; ++i) {
            std::uint64_t word = bucket.load(SK_ACQUIRE);
            Claim claim;
            std::uint32_t way = 0;
            if (!look(bucket, word, key, claim, way)) continue;  // it has changed meanwhile
            if (claim.found != Found::fresh) return claim;
            if (way == kWays) return {Found::full, {}};
            const std::uint32_t generation = generation_of(entry.state.load(SK_RELAXED)) + 1;
            if (!written) {
                // Released, after the entry's last way out of a bucket: see look().
                entry.hi.store(key.hi, SK_RELEASE);
                entry.lo.store(key.lo, SK_RELEASE);
                written = true;
            }
            // Nobody else changes the word of a free entry.
            const std::uint64_t before = entry.state.load(SK_RELAXED);
            entry.state.store(word_of(generation, Phase::running), SK_RELEASE);
            if (bucket.compare_exchange_strong(word, with(word, way, mine + 1), SK_ACQ_REL))
                return {Found::fresh, {mine, generation}};
            entry.state.store(before, SK_RELEASE);
        }
        return {Found::full, {}};
    }

    // Core `core` waits for the answer, if it runs: it will be among those that publish() returns.
    Found wait(const Ref& ref, std::uint32_t core) {
        Atomic<std::uint64_t>& state = entries_[ref.entry].state;
        std::uint64_t word = state.load(SK_ACQUIRE);
        for (;;) {
            const Found found = found_of(word, ref);
            if (found != Found::running) return found;
            if (state.compare_exchange_strong(word, word | std::uint64_t{1} << core, SK_ACQ_REL))
                return Found::running;
        }
    }
    Found see(const Ref& ref) const {
        return found_of(entries_[ref.entry].state.load(SK_ACQUIRE), ref);
    }

    // The answer stays where it is until unpin(). False: it is not kept, or not any more.
    bool pin(const Ref& ref, Answer& answer) {
        Atomic<std::uint64_t>& state = entries_[ref.entry].state;
        std::uint64_t word = state.load(SK_ACQUIRE);
        do {
            if (found_of(word, ref) != Found::kept) return false;
        } while (!state.compare_exchange_strong(word, word + kReader, SK_ACQ_REL));
        answer = entries_[ref.entry].answer;
        return true;
    }
    void unpin(const Ref& ref) { (void)entries_[ref.entry].state.fetch_sub(kReader, SK_RELEASE); }

    // The owner's, from here on.

    // How it ended; an answer without bytes is gone. Returns who waits: bit c for core c.
    std::uint32_t publish(std::uint32_t mine, const Answer& answer) {
        Entry& entry = entries_[mine];
        entry.answer = answer;
        const Phase phase = answer.bytes == nullptr ? Phase::gone : Phase::kept;
        std::uint64_t word = entry.state.load(SK_RELAXED);
        while (!entry.state.compare_exchange_strong(word, word_of(generation_of(word), phase),
                                                    SK_ACQ_REL)) {
        }
        return static_cast<std::uint32_t>(word & kWaitersMask);
    }
    // It is over without an answer, and as if it had never been. False: somebody waits for it.
    bool withdraw(std::uint32_t mine, std::uint64_t hash) {
        std::uint64_t word = entries_[mine].state.load(SK_RELAXED);
        if ((word & kWaitersMask) != 0) return false;
        if (!entries_[mine].state.compare_exchange_strong(
                word, word_of(generation_of(word), Phase::free), SK_ACQ_REL))
            return false;
        remove(mine, hash);
        return true;
    }
    // Its answer may be written over. False: somebody reads it just now.
    bool drop(std::uint32_t mine) { return leave(mine, Phase::gone); }
    // It is not known any more. The same; then it is still there.
    bool retire(std::uint32_t mine, std::uint64_t hash) {
        if (!leave(mine, Phase::free)) return false;
        remove(mine, hash);
        return true;
    }
    // Out of its bucket: nobody finds it there any more. Does nothing the second time.
    void remove(std::uint32_t mine, std::uint64_t hash) {
        Atomic<std::uint64_t>& bucket = buckets_[hash & mask_];
        std::uint64_t word = bucket.load(SK_ACQUIRE);
        for (;;) {
            std::uint32_t way = 0;
            while (way < kWays && at(word, way) != mine + 1) ++way;
            if (way == kWays) return;
            // Who fails has seen another core get on with it.
            if (bucket.compare_exchange_strong(word, with(word, way, 0), SK_ACQ_REL)) return;
        }
    }

  protected:  // tests/model weakens what is here
    // state: who waits (16 bits), how many read (8), phase (2), generation (from bit 32).
    static constexpr std::uint64_t kWaitersMask = 0xffff;
    static constexpr std::uint64_t kReader = 1u << 16, kReadersMask = 0xff0000;
    static constexpr std::uint32_t kPhaseShift = 24;

    static std::uint64_t word_of(std::uint32_t generation, Phase phase) {
        return std::uint64_t{generation} << 32 | std::uint64_t{static_cast<std::uint8_t>(phase)}
                                                     << kPhaseShift;
    }
    static std::uint32_t generation_of(std::uint64_t word) {
        return static_cast<std::uint32_t>(word >> 32);
    }
    static Phase phase_of(std::uint64_t word) {
        return static_cast<Phase>(word >> kPhaseShift & 3);
    }
    static Found found_of(std::uint64_t word, const Ref& ref) {
        if (generation_of(word) != ref.generation) return Found::gone;
        const Phase phase = phase_of(word);
        return phase == Phase::running ? Found::running
               : phase == Phase::kept  ? Found::kept
                                       : Found::gone;
    }
    // bucket: three entries' numbers and one, or 0; changes.
    static std::uint32_t at(std::uint64_t word, std::uint32_t way) {
        return static_cast<std::uint32_t>(word >> 16 * way & 0xffff);
    }
    static std::uint64_t with(std::uint64_t word, std::uint32_t way, std::uint32_t value) {
        word &= ~(std::uint64_t{0xffff} << 16 * way);
        word |= std::uint64_t{value} << 16 * way;
        return word + (std::uint64_t{1} << 48);
    }

    // False: the bucket is not `word` any more. An entry is written again only after it was taken
    // out of its bucket: who has read a part of what was written later finds the bucket changed.
    bool look(const Atomic<std::uint64_t>& bucket, std::uint64_t word, const Key& key, Claim& claim,
              std::uint32_t& free_way) const {
        claim.found = Found::fresh;
        free_way = kWays;
        for (std::uint32_t way = 0; way < kWays; ++way) {
            const std::uint32_t number = at(word, way);
            if (number == 0) {
                free_way = way;
                continue;
            }
            const Entry& other = entries_[number - 1];
            const std::uint64_t state = other.state.load(SK_ACQUIRE);
            if (other.hi.load(SK_ACQUIRE) != key.hi || other.lo.load(SK_ACQUIRE) != key.lo)
                continue;
            if (bucket.load(SK_ACQUIRE) != word) return false;
            if (phase_of(state) == Phase::free) continue;  // on its way out
            const Ref ref{number - 1, generation_of(state)};
            claim = {found_of(state, ref), ref};
            return true;
        }
        return true;
    }

    bool leave(std::uint32_t mine, Phase phase) {
        std::uint64_t word = entries_[mine].state.load(SK_RELAXED);
        if ((word & kReadersMask) != 0) return false;
        return entries_[mine].state.compare_exchange_strong(
            word, word_of(generation_of(word), phase), SK_ACQ_REL);
    }

    Entry* entries_;
    Atomic<std::uint64_t>* buckets_;
    std::uint64_t mask_;
};

}  // namespace skerry::dedup
