#include "backend/nexus/shared_unit.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace pvscsi::backend {

using scsi::Condition;
namespace condition = scsi::condition;

namespace {
constexpr std::size_t bytes_each = 3; ///< key, additional sense code and qualifier
} // namespace

void Nexus::remember_in(const std::string& path, bool inherited) {
    inherited_ = inherited;
    auto left = inherited ? UnitMemory::reopen(path) : unexpected(std::string("a new nexus"));
    if (left)
        recall(left->contents());
    else if (inherited)
        attentions_.add(condition::internal_reset);
    memory_.emplace(left ? std::move(*left) : UnitMemory::create(path));
    store();
}

void Nexus::recall(std::span<const std::uint8_t> bytes) noexcept {
    for (; bytes.size() >= bytes_each; bytes = bytes.subspan(bytes_each))
        attentions_.add({static_cast<scsi::SenseKey>(bytes[0]), bytes[1], bytes[2]});
}

void Nexus::store() noexcept {
    if (!memory_)
        return;
    std::array<std::uint8_t, Attentions::most * bytes_each> bytes{};
    std::size_t size = 0;
    for (const Condition& attention : attentions_.all()) {
        bytes[size++] = static_cast<std::uint8_t>(attention.key);
        bytes[size++] = attention.asc;
        bytes[size++] = attention.ascq;
    }
    memory_->store(std::span(bytes).first(size));
}

std::shared_ptr<SharedUnit> SharedUnit::at(const std::string& name) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<SharedUnit>> all;
    const std::lock_guard lock(mutex);
    std::erase_if(all, [](const auto& entry) { return entry.second.expired(); });
    auto unit = all[name].lock();
    if (!unit)
        all[name] = unit = std::make_shared<SharedUnit>();
    return unit;
}

void SharedUnit::join(Nexus& nexus) {
    const std::lock_guard lock(mutex_);
    nexuses_.push_back(&nexus);
    if (nexus.inherited_)
        for (const Condition& attention : heard_.all())
            nexus.attentions_.add(attention);
    std::erase_if(undelivered_, [&](const News& news) {
        if (news.nexus == nexus.id_)
            nexus.attentions_.add(news.what);
        return news.nexus == nexus.id_;
    });
    nexus.store();
    publish(nexus);
}

void SharedUnit::leave(Nexus& nexus) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase(nexuses_, &nexus);
    if (changing_ == &nexus)
        changing_ = nullptr;
}

void SharedUnit::tell(const Condition& attention, const Nexus* told) noexcept {
    heard_.add(attention);
    for (Nexus* const nexus : nexuses_) {
        if (nexus == told)
            continue;
        nexus->attentions_.add(attention);
        nexus->store();
        publish(*nexus);
    }
}

void SharedUnit::tell_others(const Nexus& told, const Condition& attention) noexcept {
    const std::lock_guard lock(mutex_);
    tell(attention, &told);
}

void SharedUnit::device_told(Nexus* told, const Condition& attention) noexcept {
    const std::lock_guard lock(mutex_);
    if (told != nullptr) {
        told->attentions_.remove(attention);
        told->store();
        publish(*told);
    }
    if (is_reset(attention)) {
        forget_claim();
        reset_told_ = Clock::now();
        if (std::exchange(own_word_due_, false))
            return;
    }
    tell(attention, told);
}

void SharedUnit::tell_one(Nexus& nexus, const Condition& attention) noexcept {
    const std::lock_guard lock(mutex_);
    nexus.attentions_.add(attention);
    nexus.store();
    publish(nexus);
}

Condition SharedUnit::take(Nexus& nexus) noexcept {
    const std::lock_guard lock(mutex_);
    const Condition first = nexus.attentions_.take();
    nexus.store();
    publish(nexus);
    return first;
}

void SharedUnit::reset_begins() noexcept {
    const std::lock_guard lock(mutex_);
    ++resetting_;
}

void SharedUnit::was_reset() noexcept {
    const std::lock_guard lock(mutex_);
    --resetting_;
    own_word_due_ = true;
    reset_told_ = Clock::now();
    forget_claim();
    tell(condition::unit_was_reset, nullptr);
}

void SharedUnit::reset_settled() noexcept {
    const std::lock_guard lock(mutex_);
    own_word_due_ = false;
}

void SharedUnit::was_disrupted() noexcept {
    const std::lock_guard lock(mutex_);
    if (resetting_ > 0)
        return;
    const auto now = Clock::now();
    if (now - std::exchange(reset_told_, now) >= one_reset)
        tell(condition::some_reset, nullptr);
}

} // namespace pvscsi::backend
