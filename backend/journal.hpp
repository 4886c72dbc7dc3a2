// What a successor must know to go on with a connection after the daemon has died: the requests
// that were taken from the ring and not answered, and how far the ring had come. The ring itself
// can't tell: responses overwrite requests there.
//
// It is a MappedFile, so recording costs a few stores.
//
// The order, for one turn of the queue:
//   take    copy the request to blank(), record() it, and only then do anything with it. Before
//           record() it is taken again, from the ring, where nothing has overwritten it
//   answer  put the responses into the ring, answered() for each, then commit(), then publish.
//           Before commit() they count as not answered and the slots that they are in as free;
//           after it they were answered, and a successor publishes them if that was not done.
//
// Thread: made by the control thread, then the worker's; nothing of the worker's part blocks,
// allocates or fails. Errors: std::system_error when the file can't be made.
#pragma once

#include "backend/mapped_file.hpp"
#include "common/base/expected.hpp"
#include "ring/abi.hpp"
#include "ring/back_ring.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pvscsi::backend {

class Journal {
  public:
    static constexpr const char* suffix = ".ring"; ///< of its file

    /// A request that its taker did not answer.
    struct Open {
        unsigned slot = 0;
        std::uint32_t index = 0; ///< in the order of the ring
        ring::WireRequest request{};
    };

    /// A new one, in place of what may be at `path`, with a new stamp.
    static std::unique_ptr<Journal> create(const std::string& path,
                                           ring::BackRing::Position start = {});
    /// The one that a predecessor left. The error says why there is none to go on with.
    static Expected<std::unique_ptr<Journal>, std::string> reopen(const std::string& path);
    /// What the ring page of this connection is known by. Not zero.
    [[nodiscard]] std::uint64_t stamp() const noexcept;
    /// Left by a predecessor, and there is a connection to go on with.
    [[nodiscard]] bool inherited() const noexcept { return inherited_; }
    [[nodiscard]] ring::BackRing::Position position() const noexcept;
    /// In ring order.
    [[nodiscard]] std::vector<Open> open_requests() const;

    // --- the queue's ---
    /// Where the next request of a slot that is free is to be copied to.
    [[nodiscard]] ring::WireRequest& blank(unsigned slot) noexcept;
    /// The request with the ring's index `index` was copied there.
    void record(unsigned slot, std::uint32_t index) noexcept;
    /// Its response is in the ring with the index `response`.
    void answered(unsigned slot, std::uint32_t response) noexcept;
    void commit(std::uint32_t rsp_prod) noexcept;

  private:
    struct Image;
    Journal(MappedFile file, bool inherited);
    [[nodiscard]] bool sound() const;

    MappedFile file_;
    Image& image_;
    const bool inherited_;
};

/// The layout of the file. Only the machine's own daemon reads it.
struct Journal::Image {
    static constexpr std::uint64_t magic_number = 0x31304c4e4a505356u; // version in the last byte
    enum State : std::uint32_t { free, open, answered };
    struct Record {
        std::uint32_t state;
        std::uint32_t index;
        std::uint32_t response;
        ring::WireRequest request;
    };

    std::uint64_t magic;
    std::uint64_t stamp;
    std::uint32_t req_cons;
    std::uint32_t rsp_prod;
    alignas(64) std::array<Record, ring::ring_size> records;
};

/// Its last request's answer was committed, so nobody reads the record while it is written over.
inline ring::WireRequest& Journal::blank(unsigned slot) noexcept {
    return image_.records[slot].request;
}

inline void Journal::record(unsigned slot, std::uint32_t index) noexcept {
    auto& record = image_.records[slot];
    record.index = index;
    stored_before();
    record.state = Image::open;
    stored_before();
    image_.req_cons = index + 1;
    stored_before();
}

inline void Journal::answered(unsigned slot, std::uint32_t response) noexcept {
    auto& record = image_.records[slot];
    record.response = response;
    stored_before();
    record.state = Image::answered;
}

inline void Journal::commit(std::uint32_t rsp_prod) noexcept {
    stored_before();
    image_.rsp_prod = rsp_prod;
    stored_before();
}

} // namespace pvscsi::backend
