// What an attack has at hand, and the list of all of them. An attack starts with a connected guest
// that owns a RAM disk and may leave the connection in whatever state it likes; afterwards the
// runner checks the daemon and the innocent guest, and that this vhost can be connected again.
#pragma once

#include "tests/hostile/innocent.hpp"
#include "tests/model/traffic.hpp"

#include <algorithm>
#include <vector>

namespace pvscsi::hostile {

struct Attack {
    Machine& machine;
    Guest& guest;
    DomId bystander; ///< the innocent guest's domain
    model::Random& random;
    /// Of what is tried over and over, every so manieth: 1 is all. An emulated machine takes
    /// milliseconds for what is microseconds elsewhere.
    unsigned stride = 1;
    /// Which of those: as the seed has it.
    unsigned first = 0;

    /// Every stride-th of `count`, at least one.
    [[nodiscard]] std::vector<unsigned> some(std::size_t count) const {
        return every(stride, count);
    }
    /// Of what the daemon makes a guest wait for (it offers a new connection ever more slowly to
    /// one that fails): every fifth if not all.
    [[nodiscard]] std::vector<unsigned> few(std::size_t count) const {
        return every(std::min(stride, 5u), count);
    }

  private:
    [[nodiscard]] std::vector<unsigned> every(std::size_t step, std::size_t count) const {
        std::vector<unsigned> numbers;
        for (std::size_t number = first % std::min(step, count); number < count; number += step)
            numbers.push_back(static_cast<unsigned>(number));
        return numbers;
    }
};

struct NamedAttack {
    const char* name;
    void (*run)(Attack&);
    bool needs_host = false; ///< makes guests, or asks what only the embedded host tells
};

std::span<const NamedAttack> request_attacks();
std::span<const NamedAttack> task_attacks();
std::span<const NamedAttack> index_attacks();
std::span<const NamedAttack> grant_attacks();
std::span<const NamedAttack> race_attacks();
std::span<const NamedAttack> store_attacks();
std::span<const NamedAttack> storm_attacks();
/// Everything at once, as the seed has it, for so long.
void random_attack(Attack& attack, std::chrono::milliseconds duration);

/// What every response has to be like, whatever was asked.
void expect_sane(const ring::WireResponse& response, const ring::WireRequest& request);

} // namespace pvscsi::hostile
