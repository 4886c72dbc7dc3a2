#include "backend/flight/recorder.hpp"

#include <algorithm>
#include <unistd.h>

namespace pvscsi::backend::flight {

namespace {

template <std::size_t Size>
void set_text(std::array<char, Size>& field, const std::string& text) {
    field.fill('\0');
    std::copy_n(text.begin(), std::min(text.size(), Size), field.begin());
}

void describe(Header& header, const Unit& unit, unsigned length) {
    header.length = length;
    header.guest = unit.guest;
    header.vhost = unit.vhost;
    header.channel = unit.address.channel;
    header.target = unit.address.target;
    header.lun = unit.address.lun;
    header.device_type = unit.device_type;
    set_text(header.guest_name, unit.guest_name);
    set_text(header.pdev, unit.pdev);
    header.magic = Header::magic_number;
}

bool is_of(const Header& header, const Unit& unit, unsigned length) {
    return header.magic == Header::magic_number && header.length == length &&
           header.guest == unit.guest && header.vhost == unit.vhost &&
           header.channel == unit.address.channel && header.target == unit.address.target &&
           header.lun == unit.address.lun && header.device_type == unit.device_type &&
           text_of(header.guest_name) == unit.guest_name.substr(0, header.guest_name.size()) &&
           text_of(header.pdev) == unit.pdev.substr(0, header.pdev.size());
}

} // namespace

std::unique_ptr<Recorder> Recorder::open(const std::string& path, const Unit& unit,
                                         unsigned length) {
    auto known = MappedFile::open(path, file_size(length));
    if (known && is_of(known->as<Header>(), unit, length)) {
        std::unique_ptr<Recorder> recorder(new Recorder(std::move(*known), length));
        recorder->go_on();
        return recorder;
    }
    auto file = MappedFile::create(path, file_size(length));
    describe(file.as<Header>(), unit, length);
    file.publish();
    std::unique_ptr<Recorder> recorder(new Recorder(std::move(file), length));
    recorder->note_daemon();
    return recorder;
}

Recorder::Recorder(MappedFile file, unsigned length)
    : file_(std::move(file)), header_(file_.as<Header>()),
      entries_(reinterpret_cast<Entry*>(file_.bytes().data() + sizeof(Header))),
      senses_(reinterpret_cast<Sense*>(entries_ + length)), length_(length) {
    header_.writer.store(static_cast<std::uint64_t>(::getpid()), std::memory_order_release);
    set_clock();
}

/// Behind the newest entry of whoever had the file; what is under way there never ends.
void Recorder::go_on() noexcept {
    for (unsigned place = 0; place < length_; ++place) {
        const auto stamp = entries_[place].stamp.load(std::memory_order_relaxed);
        if (sequence_of(stamp) < sequence_)
            continue;
        sequence_ = sequence_of(stamp) + 1;
        next_ = place + 1 == length_ ? 0 : place + 1;
    }
    own_ = sequence_;
    note_daemon();
}

void Recorder::note_daemon() noexcept {
    const unsigned place = next_place();
    Entry& entry = entries_[place];
    const auto now = nanoseconds(std::chrono::steady_clock::now());
    KindWord kind;
    kind.kind = static_cast<std::uint8_t>(Kind::daemon);
    constexpr auto release = std::memory_order_release;
    entry.stamp.store(stamp_of(sequence_, State::writing), release);
    entry.begun.store(now, release);
    entry.ended.store(now, release);
    entry.cdb[0].store(0, release);
    entry.cdb[1].store(0, release);
    entry.lengths.store(0, release);
    entry.kind.store(kind.pack(), release);
    entry.more.store(header_.writer.load(std::memory_order_relaxed), release);
    entry.stamp.store(stamp_of(sequence_, State::ended), release);
    ++sequence_;
}

void Recorder::put_sense(unsigned place, std::span<const std::uint8_t> bytes) noexcept {
    std::array<std::uint64_t, sense_kept / 8> words{};
    std::memcpy(words.data(), bytes.data(), std::min(bytes.size(), sense_kept));
    for (std::size_t i = 0; i < words.size(); ++i)
        senses_[place].words[i].store(words[i], std::memory_order_release);
}

void Recorder::set_clock() noexcept {
    const auto mono = std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch());
    const auto wall = std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch());
    header_.wall_offset.store(static_cast<std::uint64_t>((wall - mono).count()),
                              std::memory_order_release);
}

} // namespace pvscsi::backend::flight
