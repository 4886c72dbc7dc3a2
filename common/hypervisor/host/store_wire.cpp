#include "common/hypervisor/host/store_wire.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace pvscsi::hv::host {

namespace {
using HeaderWords = std::array<std::uint32_t, 4>; // type, req_id, tx_id, len; host byte order
static_assert(sizeof(HeaderWords) == store_header_size);
} // namespace

std::string encode(StoreOperation operation, std::uint32_t request, std::uint32_t transaction,
                   std::string_view payload) {
    const HeaderWords words{static_cast<std::uint32_t>(operation), request, transaction,
                            static_cast<std::uint32_t>(payload.size())};
    std::string message(store_header_size + payload.size(), '\0');
    std::memcpy(message.data(), words.data(), store_header_size);
    std::copy(payload.begin(), payload.end(), message.begin() + store_header_size);
    return message;
}

namespace {
/// Appends up to `size` bytes in total to `to`.
void fill(std::string& to, std::size_t size, std::span<const char>& input) {
    const std::size_t taken = std::min(size - to.size(), input.size());
    to.append(input.data(), taken);
    input = input.subspan(taken);
}
} // namespace

StoreReader::Status StoreReader::feed(std::span<const char>& input) {
    if (!in_payload_) {
        fill(header_, store_header_size, input);
        if (header_.size() < store_header_size)
            return Status::more;
        HeaderWords words;
        std::memcpy(words.data(), header_.data(), store_header_size);
        if (words[3] > max_store_payload)
            return Status::broken;
        message_ = {static_cast<StoreOperation>(words[0]), words[1], words[2], {}};
        length_ = words[3];
        in_payload_ = true;
    }
    fill(message_.payload, length_, input);
    if (message_.payload.size() < length_)
        return Status::more;
    header_.clear();
    in_payload_ = false;
    return Status::message;
}

void StoreOutput::reply(std::string message) {
    bytes_ += message.size();
    queue_.push_back({std::move(message), false});
}

bool StoreOutput::event(std::string_view path, std::string_view token) {
    std::string payload(path);
    payload.push_back('\0');
    payload.append(token).push_back('\0');
    if (payload.size() > max_store_payload)
        return true; // it cannot be sent; xenstored leaves it out as well
    std::string message = encode(StoreOperation::watch_event, 0, 0, payload);
    if (waiting_events_.contains(message))
        return true;
    if (event_bytes_ + message.size() > max_event_bytes_)
        return false;
    bytes_ += message.size();
    event_bytes_ += message.size();
    // Special events are told apart by nothing else, so each one counts.
    if (!path.starts_with('@'))
        waiting_events_.insert(message);
    queue_.push_back({std::move(message), true});
    return true;
}

const std::string& StoreOutput::take_front() {
    waiting_events_.erase(queue_.front().message);
    return queue_.front().message;
}

void StoreOutput::pop() {
    const Item& item = queue_.front();
    bytes_ -= item.message.size();
    if (item.event)
        event_bytes_ -= item.message.size();
    queue_.pop_front();
}

} // namespace pvscsi::hv::host
