// Where the bytes of an emulated unit are, apart from the commands that reach them.
//
// Thread: made by the control thread, everything after attach() on the worker. Errors: opening
// throws; an operation's error is in the operation.
#pragma once

#include "backend/completion.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace pvscsi::backend {

class Worker;

enum class MediumError : std::uint8_t {
    none,
    read,      ///< the bytes cannot be read
    write,     ///< they cannot be written
    no_space,  ///< the backing has no room left
    protect,   ///< the backing became read-only
    shrunk,    ///< the backing has become shorter than limits().bytes
    gone,      ///< the backing has vanished
    busy,      ///< no room to queue it now
    cancelled, ///< cancel() was heeded
};

/// What a look at the backing finds.
enum class MediumNews : std::uint8_t {
    none,
    grown,   ///< limits().bytes is the new size
    deleted, ///< it has no name any more, but works; told once
    shrunk,  ///< its end is before limits().bytes
    gone,    ///< it has vanished
};

class Medium;

/// One transfer, with room for what the medium needs to know of it, so that none is allocated.
class MediumOp : public UringCompletion {
  public:
    enum class Kind : std::uint8_t {
        read,    ///< fill `data` from `offset`
        write,   ///< put `data` to `offset`
        sync,    ///< everything completed so far to stable storage
        discard, ///< give `length` bytes at `offset` back; they read as zeros then
    };
    Kind kind = Kind::read;
    bool durable = false; ///< write: on stable storage before it ends
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::span<std::byte> data;

    /// After it ended.
    MediumError error = MediumError::none;
    /// With an error: the bytes that were transferred before it.
    std::size_t transferred = 0;

    /// The medium has ended it, after submit() said that it would; on the worker.
    virtual void ended() noexcept = 0;

    // The medium's own, set by who submits it.
    Medium* medium = nullptr;
    bool cancelling = false;
    void completed(int result) noexcept final;

  protected:
    ~MediumOp() = default;
};

struct MediumLimits {
    std::uint64_t bytes = 0;
    std::uint32_t block_size = 512; ///< the smallest addressable unit; a power of two
    /// Smallest unit that it writes without reading; a power of two, at least block_size.
    std::uint32_t physical_block_size = 4096;
    /// The first physical block that starts at a logical one (READ CAPACITY(16)).
    std::uint32_t lowest_aligned_block = 0;
    bool writable = true;
    bool shared = false;         ///< other units write to it as well
    bool discard = false;        ///< Kind::discard works
    bool volatile_cache = false; ///< a completed write may be lost with the host's power
    bool rotational = false;
    /// Largest discard that ends in reasonable time; 0: any.
    std::uint64_t discard_limit = 0;
};

class Medium {
  public:
    Medium() = default;
    Medium(const Medium&) = delete;
    Medium& operator=(const Medium&) = delete;
    virtual ~Medium() = default;

    virtual void attach(Worker&) {}
    virtual void detach() noexcept {}

    [[nodiscard]] virtual const MediumLimits& limits() const noexcept = 0;
    /// All bytes, where they are in memory: read and written in place.
    [[nodiscard]] virtual std::span<std::byte> memory() noexcept { return {}; }
    /// Reads and writes move nothing at all.
    [[nodiscard]] virtual bool moves_nothing() const noexcept { return false; }

    /// True: ended already. False: ended() will be called, from the worker's loop.
    [[nodiscard]] virtual bool submit(MediumOp& op) noexcept = 0;
    /// The io_uring's answer for an operation that was handed to it.
    virtual void progressed(MediumOp&, int) noexcept {}
    /// Asks to end a submitted operation early; it ends all the same, by ended().
    virtual void cancel(MediumOp&) noexcept {}
    /// Looks at the backing again, with a system call that does not wait for a device.
    [[nodiscard]] virtual MediumNews refresh() noexcept { return MediumNews::none; }
    /// What an administrator can act on: which backing, and what of it.
    [[nodiscard]] virtual std::string describe(MediumNews) const { return {}; }
};

inline void MediumOp::completed(int result) noexcept {
    medium->progressed(*this, result);
}

} // namespace pvscsi::backend
