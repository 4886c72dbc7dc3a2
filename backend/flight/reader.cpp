#include "backend/flight/reader.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>

namespace pvscsi::backend::flight {

namespace {

/// An entry that changes this often while it is read is one that is overwritten all the time.
constexpr int attempts = 8;

std::uint64_t get(const Word& word) noexcept {
    return word.load(std::memory_order_acquire);
}

void decode(const Entry& entry, const Sense& sense, Event& event) noexcept {
    const auto kind = KindWord::unpack(get(entry.kind));
    const std::uint64_t more_bits = get(entry.more);
    event.kind = static_cast<Kind>(kind.kind);
    event.begun = std::chrono::nanoseconds(get(entry.begun));
    event.ended = std::chrono::nanoseconds(get(entry.ended));
    const std::array<std::uint64_t, 2> cdb{get(entry.cdb[0]), get(entry.cdb[1])};
    std::memcpy(event.cdb.data(), cdb.data(), sizeof cdb);
    event.cdb_size = std::min<std::uint8_t>(kind.cdb_size, ring::max_cdb_size);
    event.direction = static_cast<ring::Direction>(std::min<std::uint8_t>(kind.direction, 2));
    event.tag = kind.tag;
    const std::uint64_t lengths = get(entry.lengths);
    event.length = static_cast<std::uint32_t>(lengths);
    if (event.kind == Kind::daemon) {
        event.pid = more_bits;
        return;
    }
    const auto more = MoreWord::unpack(more_bits);
    event.victim = more.victim;
    event.timeout = more.timeout;
    if (event.state != State::ended)
        return;
    event.end = static_cast<End>(more.end);
    event.residual = static_cast<std::uint32_t>(lengths >> 32);
    event.host = static_cast<scsi::HostCode>(kind.host);
    event.status = static_cast<scsi::Status>(kind.status);
    event.sense_size = kind.sense_size;
    std::array<std::uint8_t, sense_kept> bytes{};
    for (std::size_t i = 0; i < sense.words.size(); ++i) {
        const std::uint64_t word = get(sense.words[i]);
        std::memcpy(bytes.data() + 8 * i, &word, sizeof word);
    }
    event.sense = scsi::Sense::from_bytes(
        std::span(bytes).first(std::min<std::size_t>(kind.sense_size, sense_kept)));
}

} // namespace

Expected<Recording, std::string> Recording::open(const std::string& path) {
    struct ::stat info {};
    if (::stat(path.c_str(), &info) != 0)
        return unexpected(path + ": " + std::generic_category().message(errno));
    constexpr std::size_t each = sizeof(Entry) + sizeof(Sense);
    const auto size = static_cast<std::size_t>(info.st_size);
    const std::size_t length = size < sizeof(Header) ? 0 : (size - sizeof(Header)) / each;
    if (length < least_length || length > most_length ||
        file_size(static_cast<unsigned>(length)) != size)
        return unexpected(path + " is no record of commands");
    auto file = MappedFile::open_to_read(path, size);
    if (!file)
        return unexpected(file.error());
    const auto& header = file->as<const Header>();
    if (header.magic != Header::magic_number || header.length != length)
        return unexpected(path + " is no record of commands, or another version's");
    return Recording(std::move(*file), static_cast<unsigned>(length));
}

Unit Recording::unit() const {
    const Header& h = header();
    return {h.guest,
            h.vhost,
            {h.channel, h.target, h.lun},
            std::string(text_of(h.guest_name)),
            std::string(text_of(h.pdev)),
            h.device_type};
}

unsigned Recording::length() const noexcept {
    return length_;
}

std::uint64_t Recording::writer() const noexcept {
    return get(header().writer);
}

bool Recording::live() const noexcept {
    return ::kill(static_cast<pid_t>(writer()), 0) == 0 || errno != ESRCH;
}

std::chrono::nanoseconds Recording::wall_offset() const noexcept {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(get(header().wall_offset)));
}

/// False: there is nothing, or it does not hold still.
bool Recording::read(unsigned place, Event& event) const noexcept {
    const std::byte* const first = file_.bytes().data() + sizeof(Header);
    const auto& entry = reinterpret_cast<const Entry*>(first)[place];
    const auto& sense = reinterpret_cast<const Sense*>(first + length_ * sizeof(Entry))[place];
    for (int i = 0; i < attempts; ++i) {
        const std::uint64_t stamp = get(entry.stamp);
        event = {};
        event.sequence = sequence_of(stamp);
        event.state = state_of(stamp);
        if (event.state == State::empty)
            return false;
        if (event.state != State::writing)
            decode(entry, sense, event);
        if (get(entry.stamp) == stamp && (event.state != State::writing || i + 1 == attempts))
            return true;
    }
    return false;
}

std::vector<Event> Recording::events() const {
    std::vector<Event> events;
    events.reserve(length_);
    for (unsigned place = 0; place < length_; ++place)
        if (Event event; read(place, event))
            events.push_back(event);
    std::sort(events.begin(), events.end(),
              [](const Event& a, const Event& b) { return a.sequence < b.sequence; });
    bool over = !live();
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
        event->lost = over && event->state != State::ended;
        over = over || event->kind == Kind::daemon;
    }
    // Of a writer that lives: it is being written.
    std::erase_if(events, [](const Event& e) { return e.state == State::writing && !e.lost; });
    return events;
}

} // namespace pvscsi::backend::flight
