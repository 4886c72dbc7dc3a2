// A medium that does what the test says: holds operations back, lets them fail, counts them.
#pragma once

#include "backend/targets/medium.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <vector>

namespace pvscsi::test {

class ScriptedMedium final : public backend::Medium {
  public:
    explicit ScriptedMedium(std::size_t size) : bytes(size) {
        limits_.bytes = size;
        limits_.discard = true;
        limits_.volatile_cache = true;
    }

    [[nodiscard]] const backend::MediumLimits& limits() const noexcept override { return limits_; }

    [[nodiscard]] bool submit(backend::MediumOp& op) noexcept override {
        ++submitted;
        if (refuse_next > 0) {
            --refuse_next;
            op.error = backend::MediumError::busy;
            return true;
        }
        kinds.push_back(op.kind);
        durable.push_back(op.durable);
        if (at_once) {
            perform(op);
            return true;
        }
        held.push_back(&op);
        return false;
    }

    void cancel(backend::MediumOp& op) noexcept override {
        if (cancellable)
            cancelled.push_back(&op);
    }

    backend::MediumNews refresh() noexcept override {
        if (!next_size)
            return backend::MediumNews::none;
        limits_.bytes = *std::exchange(next_size, {});
        bytes.resize(limits_.bytes);
        return backend::MediumNews::grown;
    }
    [[nodiscard]] std::string describe(backend::MediumNews) const override { return "scripted"; }

    /// Ends the operation that waits longest.
    void release_one() {
        backend::MediumOp& op = *held.front();
        held.pop_front();
        if (std::ranges::find(cancelled, &op) != cancelled.end())
            op.error = backend::MediumError::cancelled;
        else
            perform(op);
        op.ended();
    }
    void release_all() {
        while (!held.empty())
            release_one();
    }

    std::vector<std::byte> bytes;
    bool at_once = false;
    bool cancellable = true;
    unsigned refuse_next = 0; ///< no room to queue so many, at once
    /// For the operation after `good_first` others.
    backend::MediumError error = backend::MediumError::none;
    unsigned good_first = 0;
    std::size_t transferred_before_error = 0;
    std::optional<std::uint64_t> next_size;

    unsigned submitted = 0;
    std::vector<backend::MediumOp::Kind> kinds;
    std::vector<bool> durable;
    std::deque<backend::MediumOp*> held;
    std::vector<backend::MediumOp*> cancelled;

  private:
    void perform(backend::MediumOp& op) {
        using Kind = backend::MediumOp::Kind;
        op.error = backend::MediumError::none;
        if (error != backend::MediumError::none && good_first-- == 0) {
            op.error = std::exchange(error, backend::MediumError::none);
            op.transferred = transferred_before_error;
            return;
        }
        if (op.kind == Kind::read)
            std::memcpy(op.data.data(), bytes.data() + op.offset, op.data.size());
        else if (op.kind == Kind::write)
            std::memcpy(bytes.data() + op.offset, op.data.data(), op.data.size());
        else if (op.kind == Kind::discard)
            std::memset(bytes.data() + op.offset, 0, op.length);
    }

    backend::MediumLimits limits_;
};

} // namespace pvscsi::test
