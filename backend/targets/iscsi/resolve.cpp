#include "backend/targets/iscsi/resolve.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <array>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <thread>

namespace pvscsi::backend {

namespace {

constexpr std::string_view usual_port = "3260"; // RFC 7143 4.1

struct Portal {
    std::string host; ///< without brackets
    std::string port;
};

Portal split(const std::string& text) {
    const auto bracket = text.rfind(']');
    const auto colon = text.find(':', bracket == std::string::npos ? 0 : bracket);
    Portal portal{text.substr(0, colon), std::string(usual_port)};
    if (colon != std::string::npos)
        portal.port = text.substr(colon + 1);
    if (portal.host.starts_with('['))
        portal.host = portal.host.substr(1, portal.host.size() - 2);
    return portal;
}

Expected<std::string, std::string> look_up(const Portal& portal, int flags) {
    ::addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    ::addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(portal.host.c_str(), nullptr, &hints, &found); error != 0)
        return unexpected(fmt::format("{} has no address: {}", portal.host, ::gai_strerror(error)));
    const std::unique_ptr<::addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    std::array<char, NI_MAXHOST> host{};
    if (const int error = ::getnameinfo(found->ai_addr, found->ai_addrlen, host.data(), host.size(),
                                        nullptr, 0, NI_NUMERICHOST);
        error != 0)
        return unexpected(fmt::format("{}: {}", portal.host, ::gai_strerror(error)));
    const bool v6 = found->ai_family == AF_INET6;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", host.data(), v6 ? "]" : "", portal.port);
}

} // namespace

struct IscsiResolving::Job {
    std::mutex mutex;
    boost::asio::io_context* context; ///< null: nobody wants to know; guarded by `mutex`
    Done done;                        ///< the loop's; empty: nobody wants to know
    Portal portal;

    static void tell(const std::shared_ptr<Job>& job, Expected<std::string, std::string> result) {
        const std::lock_guard lock(job->mutex);
        if (job->context != nullptr)
            boost::asio::post(*job->context, [job, result = std::move(result)]() mutable {
                if (const auto done = std::exchange(job->done, nullptr))
                    done(std::move(result));
            });
    }
};

IscsiResolving::IscsiResolving(boost::asio::io_context& context, const std::string& portal,
                               Done done)
    : job_(std::make_shared<Job>()) {
    job_->context = &context;
    job_->done = std::move(done);
    job_->portal = split(portal);
    if (auto address = look_up(job_->portal, AI_NUMERICHOST))
        Job::tell(job_, std::move(address));
    else
        ask();
}

void IscsiResolving::ask() {
    try {
        std::thread([job = job_] { Job::tell(job, look_up(job->portal, 0)); }).detach();
    } catch (const std::system_error& error) {
        Job::tell(job_, unexpected(std::string("no thread to look a name up: ") + error.what()));
    }
}

IscsiResolving::~IscsiResolving() {
    const std::lock_guard lock(job_->mutex);
    job_->context = nullptr;
    job_->done = nullptr;
}

} // namespace pvscsi::backend
