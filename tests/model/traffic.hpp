// Requests and responses whose every byte follows from a number, and the record of what is owed.
#pragma once

#include "ring/abi.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace pvscsi::model {

/// A small fast generator (xorshift64*): the steps are many and the seed is what counts.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}
    std::uint32_t operator()() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<std::uint32_t>(state_ * 0x2545f4914f6cdd1dull >> 32);
    }
    /// 0 to bound-1.
    unsigned below(unsigned bound) { return (*this)() % bound; }

  private:
    std::uint64_t state_;
};

using Words = std::array<std::uint32_t, 63>;

/// The entry that `number` stands for; its first 16 bits are the tag.
template <class Entry>
Entry entry_of(std::uint32_t number, std::uint32_t salt) {
    Words words;
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] = (number + static_cast<std::uint32_t>(i)) * 0x9e3779b1u ^ salt;
    words[0] = (words[0] & ~0xffffu) | (number & 0xffffu);
    return std::bit_cast<Entry>(words);
}

inline ring::WireRequest request_of(std::uint32_t number) {
    return entry_of<ring::WireRequest>(number, 0);
}
inline ring::WireResponse response_of(std::uint32_t number) {
    return entry_of<ring::WireResponse>(number, 0x5aa55aa5);
}

/// Equal in what travels: the segments that the request has, the rest of its slot is not in use.
inline bool same(const ring::WireRequest& a, const ring::WireRequest& b) {
    const unsigned segments = a.nr_segments & ~unsigned{ring::indirect_flag};
    return std::memcmp(&a, &b,
                       offsetof(ring::WireRequest, seg) +
                           std::min(segments, ring::max_direct_segments) *
                               sizeof(ring::WireSegment)) == 0;
}
/// The same for a response: its fields, and the sense data that it has.
inline bool same(const ring::WireResponse& a, const ring::WireResponse& b) {
    return a.rqid == b.rqid && a.act == b.act && a.sense_len == b.sense_len && a.rslt == b.rslt &&
           a.residual_len == b.residual_len &&
           std::memcmp(a.sense_buffer.data(), b.sense_buffer.data(),
                       std::min<std::size_t>(a.sense_len, ring::max_sense_size)) == 0;
}

/// What the frontend has asked and not been told yet: at most a ring's worth.
class Outstanding {
  public:
    std::uint32_t next() {
        numbers_.push_back(next_);
        return next_++;
    }
    /// The answer to one of them, whole and for the first time.
    void answered(const ring::WireResponse& response) {
        for (std::uint32_t& number : numbers_) {
            if ((number & 0xffff) != response.rqid)
                continue;
            if (!same(response_of(number), response))
                throw std::logic_error("a response arrived changed");
            number = numbers_.back();
            numbers_.pop_back();
            return;
        }
        throw std::logic_error("a response to nothing, or twice: " + std::to_string(response.rqid));
    }
    [[nodiscard]] std::size_t count() const { return numbers_.size(); }

  private:
    std::vector<std::uint32_t> numbers_;
    std::uint32_t next_ = 0;
};

/// What the backend has taken and not answered.
class Taken {
  public:
    void add(const ring::WireRequest& request) {
        if (!same(request_of(next_), request))
            throw std::logic_error("request " + std::to_string(next_) +
                                   " arrived changed, twice or out of order");
        numbers_.push_back(next_++);
    }
    [[nodiscard]] bool empty() const { return numbers_.empty(); }
    /// Any of them, as a device would end them.
    std::uint32_t pick(Random& random) {
        std::uint32_t& place = numbers_[random.below(static_cast<unsigned>(numbers_.size()))];
        const std::uint32_t number = place;
        place = numbers_.back();
        numbers_.pop_back();
        return number;
    }

  private:
    std::vector<std::uint32_t> numbers_;
    std::uint32_t next_ = 0;
};

} // namespace pvscsi::model
