// A backend's ring over a page that the peer writes at will between any two steps: it takes no
// more than the ring holds, copies what was there, and writes its own slot and indices only.
#include "ring/back_ring.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/model/traffic.hpp"

using namespace pvscsi;
using namespace pvscsi::ring;
using fuzz::must;

namespace {

class Drain {
  public:
    explicit Drain(fuzz::Input& input)
        : input_(input), start_(input.take<std::uint32_t>()),
          ring_(SharedPage(page_), {start_, start_}), taken_(start_), answered_(start_),
          published_(start_) {}

    void run() {
        while (!input_.empty() && sound_) {
            switch (input_.take<std::uint8_t>() % 7) {
            case 0:
                write_index(PageLayout::req_prod);
                break;
            case 1:
                write_anywhere();
                break;
            case 2:
                write_index(PageLayout::rsp_event);
                break;
            case 3:
                drain(input_.take<std::uint8_t>());
                break;
            case 4:
                answer();
                break;
            case 5:
                publish();
                break;
            default:
                arm();
            }
        }
    }

  private:
    [[nodiscard]] std::uint32_t word(std::size_t offset) const {
        std::uint32_t value;
        std::memcpy(&value, page_.data() + offset, sizeof value);
        return value;
    }
    template <class Entry>
    [[nodiscard]] Entry bytes_of(std::uint32_t index) const {
        Entry entry;
        std::memcpy(&entry, page_.data() + slot(index), sizeof entry);
        return entry;
    }
    [[nodiscard]] static std::size_t slot(std::uint32_t index) {
        return PageLayout::entries + index % ring_size * PageLayout::entry_size;
    }

    // What the peer does.
    void write_index(std::size_t offset) {
        // Near our own index, where it matters; or anywhere.
        const auto step = input_.take<std::int8_t>();
        const std::uint32_t value =
            step == 127 ? input_.take<std::uint32_t>() : taken_ + static_cast<std::uint32_t>(step);
        std::memcpy(page_.data() + offset, &value, sizeof value);
    }
    void write_anywhere() {
        const std::size_t at = input_.take<std::uint16_t>() % page_.size();
        const auto bytes = input_.bytes(input_.take<std::uint8_t>());
        if (!bytes.empty())
            std::memcpy(page_.data() + at, bytes.data(), std::min(bytes.size(), page_.size() - at));
    }

    // What the backend does.
    void drain(unsigned most) {
        const auto available = ring_.available();
        const std::uint32_t distance = word(PageLayout::req_prod) - taken_;
        const std::uint32_t open = taken_ - answered_;
        must(available.has_value() == (distance <= ring_size && distance + open <= ring_size),
             "the judgement of a producer index");
        if (!available) {
            sound_ = false;
            return;
        }
        must(*available == distance, "the number of requests");
        for (unsigned i = 0; i < std::min(most, *available); ++i) {
            WireRequest request;
            ring_.prefetch_next();
            ring_.take(request);
            must(model::same(request, bytes_of<WireRequest>(taken_)),
                 "a request differs from its slot");
            ++taken_;
        }
        must(ring_.in_flight() == taken_ - answered_ && ring_.in_flight() <= ring_size,
             "the number in flight");
    }
    void answer() {
        if (taken_ == answered_)
            return;
        WireResponse response{};
        response.rqid = input_.take<std::uint16_t>();
        // Sense data up to what fits, and lengths beyond that.
        response.sense_len = static_cast<std::uint8_t>(response.rqid);
        response.sense_buffer.fill(0x5e);
        auto before = page_;
        ring_.put(response);
        must(model::same(response, bytes_of<WireResponse>(answered_)),
             "a slot differs from its response");
        std::memcpy(before.data() + slot(answered_), page_.data() + slot(answered_),
                    sizeof response);
        must(before == page_, "a response touches more than its slot");
        ++answered_;
    }
    void publish() {
        const std::uint32_t event = word(PageLayout::rsp_event);
        auto expected = page_;
        if (answered_ != published_)
            std::memcpy(expected.data() + PageLayout::rsp_prod, &answered_, sizeof answered_);
        const bool notify = ring_.publish();
        must(expected == page_, "publishing touches more than the index");
        must(notify == (answered_ - event < answered_ - published_), "whom to notify");
        published_ = answered_;
    }
    void arm() {
        auto expected = page_;
        const std::uint32_t event = taken_ + 1;
        std::memcpy(expected.data() + PageLayout::req_event, &event, sizeof event);
        ring_.arm();
        must(expected == page_, "arming touches more than the event index");
    }

    fuzz::Input& input_;
    alignas(4096) std::array<std::byte, ring_page_size> page_{};
    std::uint32_t start_;
    BackRing ring_;
    std::uint32_t taken_, answered_, published_;
    bool sound_ = true;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    Drain(input).run();
    return 0;
}
