#include "backend/unit_memory.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace pvscsi::backend {

/// The layout of the file. Only the machine's own daemon reads it.
struct UnitMemory::Image {
    static constexpr std::uint64_t magic_number = 0x3130544e55505356u; // version in the last byte
    struct Copy {
        std::uint32_t size;
        std::array<std::uint8_t, capacity> bytes;
    };
    std::uint64_t magic;
    std::uint32_t valid; ///< which copy holds
    std::array<Copy, 2> copies;
};

UnitMemory UnitMemory::create(const std::string& path) {
    auto file = MappedFile::create(path, sizeof(Image));
    file.as<Image>().magic = Image::magic_number;
    file.publish();
    return UnitMemory(std::move(file));
}

Expected<UnitMemory, std::string> UnitMemory::reopen(const std::string& path) {
    auto file = MappedFile::open(path, sizeof(Image));
    if (!file)
        return unexpected(file.error());
    UnitMemory memory(std::move(*file));
    if (!memory.sound())
        return unexpected(path + " is damaged or another version's");
    return memory;
}

bool UnitMemory::sound() const noexcept {
    const auto& image = file_.as<Image>();
    return image.magic == Image::magic_number && image.valid < image.copies.size() &&
           image.copies[image.valid].size <= capacity;
}

std::span<const std::uint8_t> UnitMemory::contents() const noexcept {
    const auto& image = file_.as<Image>();
    const auto& copy = image.copies[image.valid];
    return std::span(copy.bytes).first(copy.size);
}

void UnitMemory::store(std::span<const std::uint8_t> bytes) noexcept {
    assert(bytes.size() <= capacity);
    auto& image = file_.as<Image>();
    const std::uint32_t other = 1 - image.valid;
    image.copies[other].size = static_cast<std::uint32_t>(bytes.size());
    std::ranges::copy(bytes, image.copies[other].bytes.begin());
    stored_before();
    image.valid = other;
    stored_before();
}

} // namespace pvscsi::backend
