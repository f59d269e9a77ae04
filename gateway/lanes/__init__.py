"""The lane of common calls: what Python teaches compiled code, and the runs of the model it collects calls for."""
