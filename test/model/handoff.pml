/*
 * The hand-off between the kernel, the poll thread and the JavaScript thread,
 * for Spin: no wake-up is lost, no batch lost or doubled, records come in order
 * and once, and stop always ends. `make model` searches all of it.
 *
 *	model		code
 *	Producer	kernel/bpf/ringbuf.c: bpf_ringbuf_reserve(), _commit()
 *	epoll_ready	fs/eventpoll.c, level-triggered: outer_ready is the ready
 *			list of Poller::epoll_fd_, inner_ready of
 *			ring_buffer__epoll_fd()
 *	StoreBuffer	the draining CPU's: x86 shows its stores to others after
 *			it has done later loads
 *	drain_ring	RingSource::Drain() and libbpf's ringbuf_process_ring()
 *	PollThread	Poller::Run() and what it calls, by the same names
 *	JavaScript	Reader of lib/reader.ts with callbacks: #pump() (the bell),
 *			flush(), close(); and Poller's Drain(), Take(), GiveBack()
 *			and Stop(), which these call
 *
 * Left out: more than one source, perf buffers (which are drained at an interval
 * whatever the kernel says), a ring that is full, iterators (which take batches as
 * the pump does), and time: a wait ends at once, or not before nothing else can
 * happen.
 *
 * A lost wake-up shows as a deadlock: without CLOSES_EARLY JavaScript closes when
 * all has been delivered, which then never comes. One step of the model is what
 * one lock, one system call or one access to shared memory makes one; what
 * follows it and concerns this process alone is in the same step.
 *
 * Each `#ifdef` in the processes is a mistake that somebody could make, or that
 * was made once; run.mjs lists them, and wants a counterexample to each.
 */
#ifndef FIRST
#define FIRST 2			/* records that the first producer makes */
#endif
#ifndef SECOND
#define SECOND 1		/* and the second one */
#endif
#ifndef BATCHES
#define BATCHES 2		/* batch_count */
#endif
#ifndef BATCH
#define BATCH 1			/* records that make a batch full */
#endif
#ifndef FLUSHES
#define FLUSHES 1
#endif
#define ALL (FIRST + SECOND)

/* A record's header. */
#define BUSY 0
#define COMMITTED 1
#define DISCARDED 2

/* The kernel's ring, which never is full. Positions count records. */
byte length[ALL];		/* headers */
byte producer_pos;
byte consumer_pos;		/* as others see it */
byte stored_pos;		/* as the thread that drains has stored it */
byte committed;			/* records that have to be delivered */
byte producers = 2;		/* that have not ended */

bool inner_ready, outer_ready;
bool wake_fd;			/* Poller::wake_fd_ is readable */

/* Poller. What is under queue_mutex_ changes in one step. */
bool source_mutex_, stop_, look_, error_;
byte free_ = BATCHES;
chan published_ = [BATCHES] of { byte, byte };	/* position, positions */
bool starved_, bell_rung_;
byte records_;			/* stats().records */
bool poll_thread_ended;

/* JavaScript. */
byte bells;			/* calls that the thread-safe function has queued */
bool ended;

bool may_ring = true;		/* no bell since Take() found nothing */

/* A locked instruction or a system call: all that was stored can be seen. */
#define fence (consumer_pos == stored_pos)

#ifdef DISCARD_WAKES_NOBODY
#define wakes(header) (header != DISCARDED)
#else
#define wakes(header) true
#endif

proctype Producer(byte records) {
	byte pos;

	do
	:: atomic {	/* bpf_ringbuf_reserve() */
		records > 0 ->
		records--;
		pos = producer_pos;
		producer_pos++
	   };
	   if		/* bpf_ringbuf_commit(): xchg() of the header … */
	   :: atomic { length[pos] = COMMITTED; committed++ }
#ifdef DISCARDS
	   :: length[pos] = DISCARDED
#endif
	   fi;
	   if		/* … then the look at the consumer */
	   :: atomic { consumer_pos == pos && wakes(length[pos]) -> skip };
	      /* irq_work; ep_poll_callback() of both */
	      atomic { inner_ready = true; outer_ready = true; pos = 0 }
	   :: atomic { else -> pos = 0 }
	   fi
	:: atomic { else -> producers--; break }
	od
}

/* One store after another becomes visible, some time. */
proctype StoreBuffer() {
end:	do
	:: atomic { consumer_pos != stored_pos -> consumer_pos++ }
	od
}

/*
 * Asks one epoll without a wait. What is on its list is taken off, asked, and put
 * back when it is ready. A wake-up meanwhile puts it back too (ovflist), so that
 * it is one step.
 */
#ifdef EDGE_TRIGGERED
#define put_back false
#else
#define put_back true
#endif
inline epoll_ready(result) {
	result = inner_ready && producer_pos != consumer_pos;
	inner_ready = result && put_back
}

/* RingSource::Drain(): after it the kernel wakes for what comes next. */
#ifdef LOOKS_ONCE
#define looks_again false
#else
#define looks_again true
#endif
inline drain_ring(ready_only) {
	/* Where epoll said so it asks the ring once more before it waits. */
	asked = ready_only;
	do
	:: atomic {	/* the fence, and at first ring_buffer__poll() */
		fence;
		moved = false;
		got = true;
		if
		:: ready_only -> ready_only = false; epoll_ready(got)
		:: else
		fi
	   };
	   do		/* ringbuf_process_ring(), ends when the ring is empty, … */
	   :: atomic { got -> got = false; limit = producer_pos };
	      do
	      :: atomic {
			stored_pos < limit ->
			if
			:: length[stored_pos] == BUSY -> goto left
			:: length[stored_pos] == COMMITTED -> batch_records++
			:: length[stored_pos] == DISCARDED
			fi;
			moved = true;
			got = true;
			stored_pos++;
			if
			:: batch_records == BATCH -> goto left
			:: else
			fi
		 }
	      :: atomic { else -> limit = 0; break }
	      od
	   :: else -> break
	   od;
left:	   got = false;	/* … a record is busy or the batch is full. */
	   limit = 0;
	   if
	   :: moved && batch_records < BATCH && looks_again && !asked
	   :: else -> break
	   fi
	od;
	moved = false;
	asked = false
}

/* Poller::DrainOnce(): sets no_batch, more and drained, the bytes. */
inline DrainOnce(ready_only) {
	atomic {
#ifndef DRAINS_UNLOCKED
		!source_mutex_ -> source_mutex_ = true;
#endif
		no_batch = (free_ == 0);	/* Acquire() */
		batch_pos = stored_pos;
		if
		:: no_batch -> goto unlock
		:: else -> free_--
		fi
	};
	drain_ring(ready_only);
	atomic {
		fence;
		drained = stored_pos - batch_pos;
		more = (batch_records == BATCH);
		if
		:: batch_records == 0 ->		/* Release() */
			free_++;
#ifndef RELEASE_WAKES_NOBODY
			starved = starved_;
			starved_ = false
#endif
		:: else ->				/* Publish() */
			published_!batch_pos, drained;
			records_ = records_ + batch_records;
#ifdef BELL_FOR_EACH_BATCH
			ring = true;
#else
			ring = !bell_rung_;
#endif
			bell_rung_ = true;
			assert(!ring || may_ring);
			may_ring = may_ring && !ring
		fi;
		assert(free_ + len(published_) <= BATCHES)
	};
unlock:	atomic {
		fence;
		bells = bells + ring;	/* ring_bell_(), before the unlock */
		wake_fd = wake_fd || starved;
		starved = false;
		source_mutex_ = false;
		ring = false;
		batch_pos = 0;
		batch_records = 0
	}
}

/* Poller::Sleep(), but for its look at stop_ */
inline Sleep() {
	if
	:: true		/* short */
	:: true ->	/* or longer than all else */
		if
#ifndef STOP_CANNOT_END_SLEEP
		:: atomic { wake_fd -> wake_fd = false }
#endif
		:: timeout -> assert(!stop_)
		fi
	fi
}

proctype PollThread() {
	bool ready_only, ready, woken, got, moved, asked, ring, no_batch, more, starved;
	byte limit, drained, bytes, batch_pos, batch_records;

WaitForRecords:
	do
	:: atomic { look_ -> look_ = false; break };
	:: atomic { else -> skip };
	   atomic {	/* epoll_wait() */
		wake_fd || outer_ready;
		woken = wake_fd;
		if
		:: outer_ready -> epoll_ready(ready); outer_ready = ready && put_back
		:: else
		fi
	   };
#ifdef STOP_ASKED_BEFORE_CLEAR
	   if
	   :: stop_ -> goto stopped
	   :: else
	   fi;
	   atomic {
		if
		:: woken -> wake_fd = false
		:: else
		fi;
		woken = false;
#else
	   if
	   :: atomic { woken -> wake_fd = false; woken = false }	/* ClearWake() */
	   :: atomic { !woken -> skip }
	   fi;
	   atomic {
		if
		:: stop_ -> goto stopped
		:: else
		fi;
#endif
		if
		:: ready -> ready = false; ready_only = true; break
		:: else
		fi
	   }
	od;

DrainAll:
	bytes = ready_only;	/* what a drain that has nothing then leaves */
	do
	:: DrainOnce(ready_only);
	   atomic {
		if
		:: drained > 0 -> bytes = 2; drained = 0
		:: else
		fi;
		if
		:: stop_ -> goto stopped
		:: else
		fi;
#ifdef FAILS
		if
		:: true
		:: error_ = true; goto failed
		fi;
#endif
		if
		:: no_batch -> no_batch = false
		:: !no_batch && more -> more = false; goto again
		:: !no_batch && !more -> break
		fi
	   };
	   do		/* WaitForFreeBatch() */
#ifdef STARVED_AFTER_CHECK
	   :: free_ > 0 -> break
	   :: else -> starved_ = true;
#else
	   :: atomic { free_ > 0 -> break }
	   :: atomic { else -> starved_ = true };
#endif
	      atomic { wake_fd -> wake_fd = false };	/* poll(), ClearWake() */
	      if
	      :: stop_ -> goto stopped
	      :: atomic { else -> skip }
	      fi
	   od;
	   if
	   :: stop_ -> goto stopped
	   :: atomic { else -> skip }
	   fi;
again:	   skip
	od;
	if
	:: bytes == 1 -> bytes = 0; Sleep()	/* ready, but a record is busy */
	:: else ->
		/* Coalescer::Next() */
		if
		:: bytes = 0; goto WaitForRecords
		:: bytes == 2 -> bytes = 0; goto DrainAll
		:: bytes == 2 -> Sleep()
		fi
	fi;
	if
	:: stop_ -> goto stopped
	:: atomic { !stop_ && bytes == 0 -> goto WaitForRecords }
	:: atomic { !stop_ && bytes == 2 -> bytes = 0; goto DrainAll }
	fi;

#ifdef FAILS
failed:
#ifndef FAILS_SILENTLY
	bells++
#endif
#endif
	;
stopped:
	poll_thread_ended = true
}

proctype JavaScript() {
	bool ready_only, got, moved, asked, ring, no_batch, more, starved;
	byte limit, drained, batch_pos, batch_records;
	byte pos, count, next_pos, delivered, target, flushes, undelivered, i;
	bool pumps, flushing, reached, scheduled, failed;

event_loop:
	if
	:: atomic {
		bells > 0 ->
		bells--;
		if
		:: scheduled -> goto event_loop
		:: else -> pumps = true; goto deliver
		fi
	   }
	:: atomic { scheduled -> scheduled = false; pumps = true; goto deliver }
	:: atomic {
		!flushing && flushes < FLUSHES ->
		flushes++;
		flushing = true;
		target = producer_pos
	   };
	   goto flush
	:: flushing -> goto flush
#ifdef CLOSES_EARLY
	:: goto close
#else
	:: atomic {
		producers == 0 && !flushing &&
		delivered == committed && consumer_pos == producer_pos -> goto close
	   }
#endif
	fi;

flush:
	reached = (consumer_pos >= target);
	DrainOnce(ready_only);	/* Poller::Drain(): ready_only is false */
#ifndef STRANDS_THE_REST
	if
	:: atomic { more -> look_ = true };
	   wake_fd = true
	:: atomic { else -> skip }
	fi;
#endif
	atomic { drained = 0; no_batch = false; more = false };
#ifdef FLUSH_ONLY_DRAINS
	if
	:: !reached -> goto flush
	:: else
	fi;
#endif

deliver:
	do
	:: atomic {		/* Take() */
#ifdef TAKES_NEWEST
		if
		:: len(published_) == 2 -> published_?pos, count; published_!pos, count
		:: else
		fi;
#endif
		if
		:: len(published_) > 0 -> published_?pos, count
#ifdef BELL_RESET_LATE
		:: else -> goto reset
#else
		:: else ->
#ifndef BELL_NEVER_RESET
			bell_rung_ = false;
#endif
			may_ring = true;
			failed = error_;
			break
#endif
		fi;
		do		/* the callbacks */
		:: next_pos < pos ->
			assert(length[next_pos] == DISCARDED);
			next_pos++
		:: count > 0 && next_pos >= pos ->
			assert(pos == next_pos && length[pos] != BUSY);
			delivered = delivered + (length[pos] == COMMITTED);
			pos++;
			next_pos++;
			count--
#ifdef CLOSES_EARLY
		:: goto close
#endif
		:: count == 0 -> break
		od;
		pos = 0
	   };
	   atomic {		/* GiveBack() */
		free_++;
		starved = starved_;
		starved_ = false;
		assert(free_ + len(published_) <= BATCHES)
	   };
#ifndef GIVE_BACK_WAKES_NOBODY
	   if
	   :: atomic { starved -> starved = false; wake_fd = true }
	   :: atomic { else -> skip }
	   fi;
#endif
#ifdef DELIVERS_ONE_BATCH
	   break
#endif
	   if
	   :: true
	   :: atomic { pumps -> scheduled = true; break }	/* turnMs is over */
	   fi
	od;
#ifdef BELL_RESET_LATE
	skip;
reset:	atomic { bell_rung_ = false; may_ring = true };
#endif
	atomic {
		if
		:: pumps ->
			pumps = false;
			if
			:: failed -> goto close
			:: else
			fi
		:: else ->
			flushing = !reached;
			target = (reached -> 0 : target);
			reached = false
		fi
	};
	goto event_loop;

close:
	atomic { pos = 0; count = 0; scheduled = false; failed = false; pumps = false };
#ifdef STATS_BEFORE_STOP
	undelivered = records_ - delivered;
#endif
	stop_ = true;
#ifndef STOP_WAKES_NOBODY
	wake_fd = true;
#endif
	poll_thread_ended;	/* joined */
	bells = 0;
#ifndef STATS_BEFORE_STOP
	undelivered = records_ - delivered;
#endif
	atomic {
		fence;
		/* What left the ring was delivered, discarded or is known. */
		i = consumer_pos;
		do
		:: i > 0 ->
			i--;
			delivered = delivered + (length[i] == DISCARDED)
		:: else -> break
		od;
		assert(consumer_pos == delivered + undelivered);
		ended = true
	}
}

init {
	atomic {
		run Producer(FIRST);
		run Producer(SECOND);
		run StoreBuffer();
		run PollThread();
		run JavaScript()
	}
}

/* Nothing goes in circles for ever. */
ltl ends { <> ended }
