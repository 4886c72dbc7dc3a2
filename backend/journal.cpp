#include "backend/journal.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/random.h>
#include <system_error>
#include <utility>

namespace pvscsi::backend {

namespace {

std::uint64_t random_stamp() {
    std::uint64_t stamp = 0;
    while (stamp == 0)
        if (::getrandom(&stamp, sizeof stamp, 0) != sizeof stamp)
            throw std::system_error(errno, std::generic_category(), "random numbers");
    return stamp;
}

} // namespace

Journal::Journal(MappedFile file, bool inherited)
    : file_(std::move(file)), image_(file_.as<Image>()), inherited_(inherited) {}

std::unique_ptr<Journal> Journal::create(const std::string& path, ring::BackRing::Position start) {
    auto file = MappedFile::create(path, sizeof(Image));
    auto& image = file.as<Image>();
    image.stamp = random_stamp();
    image.req_cons = start.req_cons;
    image.rsp_prod = start.rsp_prod;
    image.magic = Image::magic_number;
    file.publish();
    return std::unique_ptr<Journal>(new Journal(std::move(file), false));
}

Expected<std::unique_ptr<Journal>, std::string> Journal::reopen(const std::string& path) {
    auto file = MappedFile::open(path, sizeof(Image));
    if (!file)
        return unexpected(file.error());
    std::unique_ptr<Journal> journal(new Journal(std::move(*file), true));
    if (!journal->sound())
        return unexpected(path + " is damaged or another version's");
    return journal;
}

bool Journal::sound() const {
    if (image_.magic != Image::magic_number || image_.stamp == 0)
        return false;
    const std::uint32_t unanswered = image_.req_cons - image_.rsp_prod;
    return unanswered <= ring::ring_size && open_requests().size() == unanswered;
}

std::uint64_t Journal::stamp() const noexcept {
    return image_.stamp;
}

ring::BackRing::Position Journal::position() const noexcept {
    return {image_.req_cons, image_.rsp_prod};
}

std::vector<Journal::Open> Journal::open_requests() const {
    std::vector<Open> requests;
    for (unsigned slot = 0; slot < image_.records.size(); ++slot) {
        const auto& record = image_.records[slot];
        // Died before record()'s last store: the ring has it yet, and it is taken again from there.
        // (Not told by how far back the index is: a command that hangs is overtaken by any number.)
        const bool taken = record.index != image_.req_cons;
        // Died between answered() and commit(): it counts as not answered.
        const bool uncommitted =
            record.state == Image::answered && record.response - image_.rsp_prod < ring::ring_size;
        if ((record.state == Image::open && taken) || uncommitted)
            requests.push_back({slot, record.index, record.request});
    }
    std::sort(requests.begin(), requests.end(), [base = image_.req_cons](auto& a, auto& b) {
        return a.index - base < b.index - base;
    });
    return requests;
}

} // namespace pvscsi::backend
