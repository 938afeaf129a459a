/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte streams: the same bodies over io_uring, plain calls and simulated. */
#include "nwb/mem.h"
#include "nwb/wait.h"

#include "nwb_test_exec.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_SEGS	  3000
#define SEG_BYTES 401

/* One end in a task of its own. */
struct end {
	struct nwb_sock *s;
	size_t bytes;
	size_t min;
	size_t max;
	uint64_t sum; /* of byte * position, so that order matters */
	ssize_t rc;
};

static uint8_t buf_in[1 << 16], buf_out[NR_SEGS * SEG_BYTES];

static uint64_t checksum(uint64_t sum, uint64_t at, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += p[i] * (at + i + 1);
	return sum;
}

static void fill_out(void)
{
	for (size_t i = 0; i < sizeof(buf_out); i++)
		buf_out[i] = (uint8_t)(i * 2654435761u >> 13);
}

static void receive_all(void *arg)
{
	struct end *e = arg;

	e->bytes = 0;
	e->sum = 0;
	for (;;) {
		e->rc = nwb_sock_recv(e->s, buf_in, e->min, e->max);
		if (e->rc <= 0)
			return;
		nwb_check((size_t)e->rc >= e->min);
		nwb_check((size_t)e->rc <= e->max);
		e->sum = checksum(e->sum, e->bytes, buf_in, (size_t)e->rc);
		e->bytes += (size_t)e->rc;
	}
}

static void send_all(void *arg)
{
	struct end *e = arg;
	struct iovec iov = {buf_out, e->bytes};

	e->rc = nwb_sock_sendv(e->s, &iov, 1);
}

/* @tcp: over loopback TCP instead of nwb_sock_pair(); real only. */
static bool use_tcp;

static void tcp_pair(struct nwb_exec *ex, struct nwb_sock *p[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), c, s, on = 0;

	nwb_check(l >= 0);
	nwb_check(!bind(l, (struct sockaddr *)&a, sizeof(a)));
	nwb_check(!listen(l, 1));
	nwb_check(!getsockname(l, (struct sockaddr *)&a, &len));
	c = socket(AF_INET, SOCK_STREAM, 0);
	nwb_check(!connect(c, (struct sockaddr *)&a, sizeof(a)));
	s = accept(l, NULL, NULL);
	nwb_check(s >= 0);
	(void)close(l);
	/* A non-blocking descriptor must be as good as any. */
	nwb_check(!fcntl(c, F_SETFL, O_NONBLOCK));
	nwb_check_eq(nwb_sock_from_fd(ex, c, &p[0]), 0);
	nwb_check_eq(nwb_sock_from_fd(ex, s, &p[1]), 0);
	len = sizeof(on);
	nwb_check(!getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, &len));
	nwb_check(on);
	nwb_check_eq(nwb_sock_local_port(p[1]), ntohs(a.sin_port));
	nwb_check(nwb_sock_local_port(p[0]) != 0);
}

static void make_pair(struct nwb_exec *ex, struct nwb_sock *p[2])
{
	if (use_tcp && !nwb_exec_is_sim(ex)) {
		tcp_pair(ex, p);
		return;
	}
	nwb_check_eq(nwb_sock_pair(ex, 50 * NWB_USEC, 4000, p), 0);
	nwb_check_eq(nwb_sock_local_port(p[0]), 0);
}

static void on_all_and_tcp(nwb_task_fn fn)
{
	use_tcp = false;
	nwb_test_on_all(fn, NULL);
	use_tcp = true;
	nwb_test_on_real(true, fn, NULL);
	nwb_test_on_real(false, fn, NULL);
}

/* --- many segments ------------------------------------------------------- */

static void many_segments_body(void *arg)
{
	static struct iovec iov[NR_SEGS];
	struct nwb_test_exec *te = arg;
	struct end rx = {.min = 1, .max = sizeof(buf_in)};
	struct nwb_task *task;
	struct nwb_sock *p[2];

	fill_out();
	for (int i = 0; i < NR_SEGS; i++) {
		iov[i].iov_base = buf_out + i * SEG_BYTES;
		iov[i].iov_len = SEG_BYTES;
	}
	make_pair(te->ex, p);
	rx.s = p[1];
	nwb_check_eq(nwb_task_spawn(te->ex, "rx", receive_all, &rx, &task), 0);
	nwb_check_eq(nwb_sock_sendv(p[0], iov, NR_SEGS), 0);
	nwb_check_eq(nwb_sock_sendv(p[0], iov, 0), 0);
	nwb_sock_shutdown(p[0]);
	nwb_task_join(task);
	nwb_check_eq(rx.rc, 0);
	nwb_check_eq(rx.bytes, sizeof(buf_out));
	nwb_check_eq(rx.sum, checksum(0, 0, buf_out, sizeof(buf_out)));
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
}

NWB_TEST(sock, sends_3000_segments)
{
	on_all_and_tcp(many_segments_body);
}

/* --- recv: minimum and maximum ------------------------------------------- */

static void exact_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct end rx = {.min = 1000, .max = 1000};
	struct nwb_task *task;
	struct nwb_sock *p[2];
	struct iovec iov = {buf_out, 7};
	uint64_t count;

	fill_out();
	make_pair(te->ex, p);
	rx.s = p[1];
	nwb_check_eq(nwb_task_spawn(te->ex, "rx", receive_all, &rx, &task), 0);
	count = nwb_mem_count();
	/* Dribbled in pieces that never fit: whole thousands arrive. */
	for (size_t at = 0; at < 3500; at += 7) {
		iov.iov_base = buf_out + at;
		nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), 0);
	}
	nwb_check_eq(nwb_mem_count(), count);
	nwb_sock_shutdown(p[0]);
	nwb_task_join(task);
	nwb_check_eq(rx.rc, 0);
	nwb_check_eq(rx.bytes, 3000);
	nwb_check_eq(rx.sum, checksum(0, 0, buf_out, 3000));
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
}

NWB_TEST(sock, receives_at_least_the_minimum_without_allocating)
{
	on_all_and_tcp(exact_body);
}

/* --- shutdown ------------------------------------------------------------ */

static void delivered_then_eof_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct iovec iov = {buf_out, 3000};
	struct nwb_sock *p[2];

	fill_out();
	make_pair(te->ex, p);
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), 0);
	nwb_sock_shutdown(p[0]);
	nwb_sock_shutdown(p[0]);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 3000, 3000), 3000);
	nwb_check(!memcmp(buf_in, buf_out, 3000));
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 1, 10), 0);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 1, 10), 0);
	/* Our own end is done for. */
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), -ESHUTDOWN);
	nwb_check_eq(nwb_sock_recv(p[0], buf_in, 1, 10), -ESHUTDOWN);
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
	nwb_sock_close(NULL);
}

NWB_TEST(sock, shutdown_delivers_what_was_sent_then_eof)
{
	on_all_and_tcp(delivered_then_eof_body);
}

static void blocked_body(void *arg, void (*end_it)(struct nwb_sock *s),
			 unsigned int victim, int want)
{
	struct nwb_test_exec *te = arg;
	struct end rx = {.min = 1, .max = 10};
	struct end tx = {.bytes = sizeof(buf_out)};
	struct nwb_task *rx_task, *tx_task;
	struct nwb_sock *p[2];

	fill_out();
	make_pair(te->ex, p);
	rx.s = tx.s = p[victim];
	/* Nobody reads and nobody sends: both block, or soon would. */
	nwb_check_eq(nwb_task_spawn(te->ex, "rx", receive_all, &rx, &rx_task),
		     0);
	nwb_check_eq(nwb_task_spawn(te->ex, "tx", send_all, &tx, &tx_task), 0);
	nwb_sleep_until(te->ex, nwb_now_ns(te->ex) + 5 * NWB_MSEC);
	end_it(p[0]);
	nwb_task_join(rx_task);
	/* TCP's buffers may have taken everything before the end came. */
	nwb_task_join(tx_task);
	if (!use_tcp || victim == 0)
		nwb_check(rx.rc == want);
	if (want == -ECONNRESET)
		/* Linux tells the reset once, to whoever comes first. */
		nwb_check(rx.rc == want || tx.rc == want);
	nwb_check(tx.rc == want || tx.rc == 0 ||
		  (victim && (tx.rc == -EPIPE || tx.rc == -ECONNRESET)));
	if (!use_tcp)
		nwb_check(tx.rc != 0);
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
}

static void shutdown_wakes_body(void *arg)
{
	blocked_body(arg, nwb_sock_shutdown, 0, -ESHUTDOWN);
}

static void shutdown_wakes_peer_body(void *arg)
{
	blocked_body(arg, nwb_sock_shutdown, 1, 0);
}

static void reset_wakes_body(void *arg)
{
	blocked_body(arg, nwb_sock_reset, 0, -ESHUTDOWN);
}

static void reset_wakes_peer_body(void *arg)
{
	blocked_body(arg, nwb_sock_reset, 1, -ECONNRESET);
}

NWB_TEST(sock, shutdown_wakes_both_directions)
{
	on_all_and_tcp(shutdown_wakes_body);
}

NWB_TEST(sock, shutdown_wakes_the_peer)
{
	use_tcp = false;
	nwb_test_on_all(shutdown_wakes_peer_body, NULL);
}

NWB_TEST(sock, reset_wakes_both_directions)
{
	on_all_and_tcp(reset_wakes_body);
}

NWB_TEST(sock, reset_wakes_the_peer)
{
	on_all_and_tcp(reset_wakes_peer_body);
}

/* --- reset --------------------------------------------------------------- */

static void reset_discards_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct iovec iov = {buf_out, 100};
	struct nwb_sock *p[2];

	make_pair(te->ex, p);
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), 0);
	nwb_sock_reset(p[0]);
	nwb_sock_reset(p[0]);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 1, 10), -ECONNRESET);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 1, 10), -ECONNRESET);
	nwb_check_eq(nwb_sock_sendv(p[1], &iov, 1), -ECONNRESET);
	nwb_check_eq(nwb_sock_recv(p[0], buf_in, 1, 10), -ESHUTDOWN);
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), -ESHUTDOWN);
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
}

NWB_TEST(sock, reset_discards_and_is_remembered)
{
	use_tcp = false;
	nwb_test_on_all(reset_discards_body, NULL);
}

/* Over TCP what had arrived stays readable; then comes the reset. */
static void tcp_reset_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct iovec iov = {buf_out, 100};
	struct nwb_sock *p[2];

	make_pair(te->ex, p);
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), 0);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 100, 100), 100);
	nwb_sock_reset(p[0]);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 1, 10), -ECONNRESET);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 1, 10), -ECONNRESET);
	nwb_check(nwb_sock_sendv(p[1], &iov, 1) < 0);
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
}

NWB_TEST(sock, reset_over_tcp_reaches_the_peer)
{
	use_tcp = true;
	nwb_test_on_real(true, tcp_reset_body, NULL);
	nwb_test_on_real(false, tcp_reset_body, NULL);
}

static void close_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct iovec iov = {buf_out, 100};
	struct nwb_sock *p[2];

	/* Nothing unread here: the peer gets the bytes, then the end. */
	make_pair(te->ex, p);
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), 0);
	nwb_sock_close(p[0]);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 100, 100), 100);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 1, 1), 0);
	nwb_sock_close(p[1]);
	/* Something unread: the peer is told that it was lost. */
	make_pair(te->ex, p);
	nwb_check_eq(nwb_sock_sendv(p[1], &iov, 1), 0);
	nwb_sleep_until(te->ex, nwb_now_ns(te->ex) + NWB_MSEC);
	nwb_sock_close(p[0]);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 1, 1), -ECONNRESET);
	nwb_sock_close(p[1]);
}

NWB_TEST(sock, close_with_unread_bytes_is_a_reset)
{
	on_all_and_tcp(close_body);
}

static void refused_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_sock *p[2] = {NULL, NULL};
	uint64_t live = nwb_mem_live();

	for (uint64_t nth = 1; nth <= 3; nth++) {
		nwb_mem_fail_at(nth, 1);
		nwb_check_eq(nwb_sock_pair(te->ex, 0, 4000, p), -ENOMEM);
		nwb_mem_fail_at(0, 0);
		nwb_check_eq(nwb_mem_live(), live);
	}
}

NWB_TEST(sock, pair_survives_refused_memory)
{
	nwb_test_on_all(refused_body, NULL);
}

/* Out of descriptors: no ring for the pair, yet it works and is told. */
static void no_ring_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct iovec iov = {buf_out, 100};
	struct rlimit was, few;
	struct nwb_sock *p[2];
	int next = dup(0);

	nwb_check(next >= 0);
	(void)close(next);
	nwb_check(!getrlimit(RLIMIT_NOFILE, &was));
	few = was;
	few.rlim_cur = (rlim_t)next + 1;
	nwb_check(!setrlimit(RLIMIT_NOFILE, &few));
	nwb_check_eq(nwb_sock_pair(te->ex, 0, 4000, p), -EMFILE);
	few.rlim_cur = (rlim_t)next + 2;
	nwb_check(!setrlimit(RLIMIT_NOFILE, &few));
	nwb_check_eq(nwb_sock_pair(te->ex, 0, 4000, p), 0);
	nwb_check(!setrlimit(RLIMIT_NOFILE, &was));
	nwb_check_streq(nwb_exec_io_name(te->ex), "io_uring, some syscalls");
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), 0);
	nwb_check_eq(nwb_sock_recv(p[1], buf_in, 100, 200), 100);
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
}

NWB_TEST(sock, without_a_ring_plain_calls_take_over)
{
	uint64_t live = nwb_mem_live();
	struct nwb_exec *ex;
	bool has_uring;

	nwb_check_eq(nwb_exec_real_new(NULL, &ex, NULL), 0);
	has_uring = !strcmp(nwb_exec_io_name(ex), "io_uring");
	nwb_exec_free(ex);
	if (!has_uring)
		nwb_test_skip("io_uring is refused here");
	nwb_test_on_real(true, no_ring_body, NULL);
	nwb_check_eq(nwb_mem_live(), live);
}

/* --- signals ------------------------------------------------------------- */

struct victim {
	struct nwb_exec *ex;
	struct nwb_sock *s;
	pthread_t thread;
	_Atomic bool is_started;
	_Atomic bool has_slept;
	uint64_t wake_at;
	bool slept_enough;
	ssize_t rc;
};

static void nothing(int sig nwb_unused)
{
}

static void sleep_and_receive(void *arg)
{
	struct victim *v = arg;

	v->thread = pthread_self();
	atomic_store(&v->is_started, true);
	nwb_sleep_until(v->ex, v->wake_at);
	v->slept_enough = nwb_now_ns(v->ex) >= v->wake_at;
	atomic_store(&v->has_slept, true);
	v->rc = nwb_sock_recv(v->s, buf_in, 100, 100);
}

static void hit(struct nwb_exec *ex, struct victim *v, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		nwb_check(!pthread_kill(v->thread, SIGUSR1));
		nwb_sleep_until(ex, nwb_now_ns(ex) + 200 * NWB_USEC);
	}
}

static void signals_body(void *arg)
{
	/* No SA_RESTART: blocking calls return EINTR. */
	struct sigaction act = {.sa_handler = nothing}, was;
	struct nwb_test_exec *te = arg;
	struct victim v = {.ex = te->ex};
	struct iovec iov = {buf_out, 50};
	struct nwb_task *task;
	struct nwb_sock *p[2];

	nwb_check(!sigaction(SIGUSR1, &act, &was));
	make_pair(te->ex, p);
	v.s = p[1];
	v.wake_at = nwb_now_ns(te->ex) + 5 * NWB_MSEC;
	nwb_check_eq(
		nwb_task_spawn(te->ex, "victim", sleep_and_receive, &v, &task),
		0);
	while (!atomic_load(&v.is_started))
		nwb_sleep_until(te->ex, nwb_now_ns(te->ex) + NWB_USEC);
	while (!atomic_load(&v.has_slept))
		hit(te->ex, &v, 1);
	hit(te->ex, &v, 10);
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), 0);
	hit(te->ex, &v, 10);
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), 0);
	nwb_task_join(task);
	nwb_check(v.slept_enough);
	nwb_check_eq(v.rc, 100);
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
	nwb_check(!sigaction(SIGUSR1, &was, NULL));
}

NWB_TEST(sock, signals_interrupt_nothing)
{
	for (int tcp = 0; tcp < 2; tcp++) {
		use_tcp = tcp;
		nwb_test_on_real(true, signals_body, NULL);
		nwb_test_on_real(false, signals_body, NULL);
	}
}

/* From now on system call @nr of this process gives EPERM. */
static bool refuse_syscall(unsigned int nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = NWB_ARRAY_SIZE(code), .filter = code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* What a container's filter does. Before any socket, or (@late) after. */
static bool works_without(unsigned int nr, bool late, const char *io_name)
{
	struct iovec iov = {buf_out, 100};
	struct nwb_sock *p[2];
	struct nwb_exec *ex;
	bool ok;

	if (!late && !refuse_syscall(nr))
		return false;
	if (nwb_exec_real_new(NULL, &ex, NULL) || nwb_sock_pair(ex, 0, 4000, p))
		return false;
	if (late && !refuse_syscall(nr))
		return false;
	fill_out();
	ok = nwb_sock_sendv(p[0], &iov, 1) == 0 &&
	     nwb_sock_recv(p[1], buf_in, 100, 200) == 100 &&
	     !memcmp(buf_in, buf_out, 100) &&
	     !strcmp(nwb_exec_io_name(ex), io_name);
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
	nwb_exec_free(ex);
	return ok;
}

/* In a process of its own, because a filter cannot be taken away. */
static bool works_in_child(unsigned int nr, bool late, const char *io_name)
{
	int status = 0;
	pid_t pid = fork();

	nwb_check(pid >= 0);
	if (!pid)
		_exit(works_without(nr, late, io_name) ? 0 : 1);
	nwb_check_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

NWB_TEST(sock, refused_io_uring_is_replaced)
{
	nwb_check(works_in_child(__NR_io_uring_setup, false, "syscalls"));
	/* The other name must not pass, or this would prove nothing. */
	nwb_check(!works_in_child(__NR_io_uring_setup, false, "io_uring"));
}

NWB_TEST(sock, a_ring_that_fails_later_is_replaced)
{
	struct nwb_exec *ex;
	bool has_uring;

	nwb_check_eq(nwb_exec_real_new(NULL, &ex, NULL), 0);
	has_uring = !strcmp(nwb_exec_io_name(ex), "io_uring");
	nwb_exec_free(ex);
	if (!has_uring)
		nwb_test_skip("io_uring is refused here");
	nwb_check(works_in_child(__NR_io_uring_enter, true,
				 "io_uring, some syscalls"));
}

static void io_name_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_sock *p[2];

	make_pair(te->ex, p);
	nwb_check(!strcmp(nwb_exec_io_name(te->ex), "io_uring") ||
		  !strcmp(nwb_exec_io_name(te->ex), "syscalls"));
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
}

NWB_TEST(sock, backend_does_not_degrade_silently)
{
	use_tcp = false;
	nwb_test_on_real(true, io_name_body, NULL);
}
