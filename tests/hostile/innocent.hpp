// A second guest that minds its own business in a thread of its own: it writes and reads its disk
// without a pause and checks every byte. Whatever the hostile one does, this must go on.
#pragma once

#include "tests/hostile/guest.hpp"

#include <mutex>
#include <thread>

namespace pvscsi::hostile {

class Innocent {
  public:
    explicit Innocent(const std::string& host_dir);
    ~Innocent();

    [[nodiscard]] DomId domain() const { return vhost_.guest; }
    /// Waits for `rounds` more writes and reads; Broken if one went wrong or they do not come.
    void check(std::uint64_t rounds = 5);

  private:
    void run();
    void round(std::uint32_t number);

    Machine machine_; ///< its own: a store connection belongs to one thread
    Vhost vhost_;
    Guest guest_;
    std::atomic<std::uint64_t> rounds_{0};
    std::atomic<bool> stop_{false};
    std::atomic<bool> failed_{false};
    std::mutex mutex_;
    std::string failure_;
    std::thread thread_;
};

} // namespace pvscsi::hostile
