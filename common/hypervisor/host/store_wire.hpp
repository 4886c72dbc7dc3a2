// Messages of the xenstore wire protocol (xen/include/public/io/xs_wire.h): cutting a byte stream
// into messages, and the queue of what is to be sent back. No I/O.
//
// Thread: the connection's. Everything read here comes from a client and is untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

namespace pvscsi::hv::host {

inline constexpr std::size_t store_header_size = 16;
inline constexpr std::size_t max_store_payload = 4096; // XENSTORE_PAYLOAD_MAX

/// The operations; numbers of xs_wire.h (the tests compare them).
enum class StoreOperation : std::uint32_t {
    control = 0,
    directory = 1,
    read = 2,
    get_permissions = 3,
    watch = 4,
    unwatch = 5,
    transaction_start = 6,
    transaction_end = 7,
    introduce = 8,
    release = 9,
    get_domain_path = 10,
    write = 11,
    mkdir = 12,
    remove = 13,
    set_permissions = 14,
    watch_event = 15,
    error = 16,
    is_domain_introduced = 17,
    resume = 18,
    set_target = 19,
    reset_watches = 21,
    directory_part = 22,
};

struct StoreMessage {
    StoreOperation operation{};
    std::uint32_t request = 0;
    std::uint32_t transaction = 0;
    std::string payload;
};

[[nodiscard]] std::string encode(StoreOperation operation, std::uint32_t request,
                                 std::uint32_t transaction, std::string_view payload);

/// Cuts a stream into messages, wherever it is split.
class StoreReader {
  public:
    enum class Status : std::uint8_t { more, message, broken };

    /// Takes bytes off the front of `input` up to the end of a message, which message() has then.
    /// broken: a payload longer than allowed; the stream cannot be followed any further.
    Status feed(std::span<const char>& input);
    [[nodiscard]] const StoreMessage& message() const noexcept { return message_; }

  private:
    std::string header_;
    std::size_t length_ = 0;
    bool in_payload_ = false;
    StoreMessage message_;
};

/// What waits to be sent to one client, in order. Events that a client does not read must not
/// pile up: one that still waits is not queued again, and there is a bound to all of them. The
/// replies are bounded by who stops taking requests when bytes() is too much.
class StoreOutput {
  public:
    explicit StoreOutput(std::size_t max_event_bytes) : max_event_bytes_(max_event_bytes) {}

    void reply(std::string message);
    /// False if the client has left too much unread; its connection is to be ended.
    [[nodiscard]] bool event(std::string_view path, std::string_view token);

    [[nodiscard]] bool empty() const noexcept { return queue_.empty(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    /// The message to send next; it stays where it is until pop(), and a new event like it is
    /// queued from now on.
    [[nodiscard]] const std::string& take_front();
    void pop();

  private:
    std::size_t max_event_bytes_;
    std::size_t event_bytes_ = 0;
    std::size_t bytes_ = 0;
    struct Item {
        std::string message;
        bool event;
    };
    std::deque<Item> queue_;
    std::unordered_set<std::string> waiting_events_;
};

} // namespace pvscsi::hv::host
