"""The rules of AWS that moto misses, with the codes that AWS answers."""
