#include "backend/lun_map.hpp"

#include <algorithm>
#include <bit>

namespace pvscsi::backend {

LunMap::LunMap() {
    rebuild();
}

std::size_t LunMap::bucket(const ring::Address& address) const noexcept {
    const std::uint64_t key =
        std::uint64_t{address.channel} << 32 | std::uint64_t{address.target} << 16 | address.lun;
    // Fibonacci hashing: the high bits of the product are the well mixed ones.
    return (key * 0x9e3779b97f4a7c15u >> 32) & (table_.size() - 1);
}

Lun* LunMap::find(const ring::Address& address) const noexcept {
    for (std::size_t i = bucket(address); table_[i] != nullptr; i = (i + 1) & (table_.size() - 1))
        if (table_[i]->address == address)
            return table_[i];
    return nullptr;
}

bool LunMap::has_target(std::uint16_t channel, std::uint16_t target) const noexcept {
    return std::any_of(luns_.begin(), luns_.end(), [&](const auto& lun) {
        return lun->address.channel == channel && lun->address.target == target;
    });
}

bool LunMap::add(std::shared_ptr<Lun> lun) {
    if (find(lun->address) != nullptr)
        return false;
    const auto place =
        std::lower_bound(luns_.begin(), luns_.end(), lun,
                         [](const auto& a, const auto& b) { return a->address < b->address; });
    luns_.insert(place, std::move(lun));
    rebuild();
    return true;
}

std::shared_ptr<Lun> LunMap::remove(const ring::Address& address) {
    const auto place = std::find_if(luns_.begin(), luns_.end(),
                                    [&](const auto& lun) { return lun->address == address; });
    if (place == luns_.end())
        return nullptr;
    auto lun = std::move(*place);
    luns_.erase(place);
    rebuild();
    return lun;
}

void LunMap::rebuild() {
    table_.assign(std::bit_ceil(std::max<std::size_t>(8, 2 * luns_.size() + 1)), nullptr);
    for (const auto& lun : luns_) {
        std::size_t i = bucket(lun->address);
        while (table_[i] != nullptr)
            i = (i + 1) & (table_.size() - 1);
        table_[i] = lun.get();
    }
}

} // namespace pvscsi::backend
