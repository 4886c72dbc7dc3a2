#include "backend/journal.hpp"

#include "common/base/unique_fd.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi::backend {

namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

std::uint64_t random_stamp() {
    std::uint64_t stamp = 0;
    while (stamp == 0)
        if (::getrandom(&stamp, sizeof stamp, 0) != sizeof stamp)
            fail("random numbers");
    return stamp;
}

} // namespace

Journal::Image& Journal::map(int fd) {
    void* const at =
        ::mmap(nullptr, sizeof(Image), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        fail("mapping a journal");
    return *static_cast<Image*>(at);
}

std::unique_ptr<Journal> Journal::create(const std::string& path, ring::BackRing::Position start) {
    // Made whole under another name: a successor finds all of it or nothing.
    const std::string unfinished = path + ".new";
    const UniqueFd fd(adopt_fd,
                      ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd)
        fail("cannot make " + unfinished);
    // Room now rather than SIGBUS later.
    if (const int error = ::posix_fallocate(fd.get(), 0, sizeof(Image)); error != 0) {
        ::unlink(unfinished.c_str());
        errno = error;
        fail("no room for " + unfinished);
    }
    std::unique_ptr<Journal> journal(new Journal(map(fd.get()), false));
    journal->image_.stamp = random_stamp();
    journal->image_.req_cons = start.req_cons;
    journal->image_.rsp_prod = start.rsp_prod;
    journal->image_.magic = Image::magic_number;
    if (::rename(unfinished.c_str(), path.c_str()) != 0)
        fail("cannot make " + path);
    return journal;
}

Expected<std::unique_ptr<Journal>, std::string> Journal::reopen(const std::string& path) {
    const UniqueFd fd(adopt_fd, ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!fd)
        return unexpected(errno == ENOENT ? std::string("it left no journal")
                                          : path + ": " + std::generic_category().message(errno));
    struct ::stat info {};
    if (::fstat(fd.get(), &info) != 0 || info.st_size != sizeof(Image))
        return unexpected(path + " is not a journal");
    try {
        std::unique_ptr<Journal> journal(new Journal(map(fd.get()), true));
        if (!journal->sound())
            return unexpected(path + " is damaged or another version's");
        return journal;
    } catch (const std::system_error& error) {
        return unexpected(path + ": " + error.what());
    }
}

Journal::~Journal() {
    ::munmap(&image_, sizeof(Image));
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
        // Not by how far back an index is: a command that hangs is overtaken by any number.
        const bool taken = record.index != image_.req_cons; // else record() had not come to its end
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
