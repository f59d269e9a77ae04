"""What is used of libnghttp2's C interface: layouts of nghttp2.h, which are stable since 1.0, and functions."""

from gateway.native.memory import I32, I64, external

# Offsets in a frame, types and flags of frames, what callbacks answer, the size of a header field.
FRAME_LENGTH, FRAME_STREAM, FRAME_TYPE, FRAME_FLAGS, FRAME_BODY, FRAME_CATEGORY = 0, 8, 12, 13, 16, 56
DATA_TYPE, HEADERS_TYPE, PRIORITY_TYPE, RESET_TYPE, SETTINGS_TYPE, PING_TYPE = 0, 1, 2, 3, 4, 6
END_STREAM = ACK = 1
CATEGORY_REQUEST = 0
DEFERRED = -508
EOF, NO_END_STREAM = 1, 2
NAME_VALUE_BYTES = 40

read_bytes = external("nghttp2_session_mem_recv2", I64, I64, I64, I64)
next_bytes = external("nghttp2_session_mem_send2", I64, I64, I64)
set_stream = external("nghttp2_session_set_stream_user_data", I32, I64, I32, I64)
get_stream = external("nghttp2_session_get_stream_user_data", I64, I64, I32)
submit_response = external("nghttp2_submit_response2", I32, I64, I32, I64, I64, I64)
submit_trailers = external("nghttp2_submit_trailer", I32, I64, I32, I64, I64)
resume = external("nghttp2_session_resume_data", I32, I64, I32)
consume = external("nghttp2_session_consume", I32, I64, I32, I64)
wants_write = external("nghttp2_session_want_write", I32, I64)
wants_read = external("nghttp2_session_want_read", I32, I64)
