def benchmark(options): print("todo")
