"""Model recovery: can these data tell these models apart?"""
