#include "control/placement/worker.hpp"

#include <bit>

namespace skerry::placement {
namespace {

template <typename Do>
void for_each_bit(std::uint64_t bits, Do&& call) {
    for (; bits != 0; bits &= bits - 1) call(static_cast<std::uint32_t>(std::countr_zero(bits)));
}

}  // namespace

void introduce(CapacityTable& table, Worker& worker) {
    std::uint32_t slot = 0;
    for_each_bit(worker.slots, [&](std::uint32_t bit) {
        table.refs[worker.entry][bit] = {worker.channel.get(), slot++};
    });
    worker.owned = 0;
    for_each_bit(worker.slots, [&](std::uint32_t bit) { table.entries[worker.entry].add(bit); });
}

void collect_free(CapacityTable& table, Worker& worker) {
    for_each_bit(worker.slots & ~worker.owned, [&](std::uint32_t bit) {
        if (table.entries[worker.entry].take_back(bit)) worker.owned |= std::uint64_t{1} << bit;
    });
}

bool take_if_idle(CapacityTable& table, Worker& worker) {
    const std::uint64_t before = worker.owned;
    collect_free(table, worker);
    if (worker.owned == worker.slots) return true;
    const std::uint64_t taken = worker.owned & ~before;
    for_each_bit(taken, [&](std::uint32_t bit) { table.entries[worker.entry].add(bit); });
    worker.owned = before;
    return false;
}

bool is_claimed(const CapacityTable& table, const Worker& worker) {
    const std::uint64_t free = table.entries[worker.entry].free_slots.load(SK_RELAXED);
    return (worker.slots & ~(free | worker.owned)) != 0;
}

std::uint64_t use_mark(const Worker& worker) {
    std::uint64_t sum = 0;
    for (std::uint32_t slot = 0; slot < worker.channel->slot_count + worker.channel->ahead_slots;
         ++slot)
        sum += __atomic_load_n(&worker.channel->slot(slot)->request_seq, __ATOMIC_RELAXED);
    return sum;
}

}  // namespace skerry::placement
